"""What a plugin tells about its health."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bharat.contracts.application import Application


class Status(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    """It works with less: slower, or without a feature. The detail says what is missing."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. `remedy` says what to do; it and `detail` never hold a secret."""

    status: Status
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A live check, run by `bharat doctor` and summed up in `/api/health`. `run` takes at most a few seconds."""

    name: str
    run: Callable[[Application], Finding]
