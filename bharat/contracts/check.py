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
    """What a check found. `remedy` says what to do; it and `detail` never hold a secret.

    `about` is a word for what was looked at (`eviction`, `clock`): a check that has several findings names them by it, and
    `bharat doctor` shows `sessions.eviction`."""

    status: Status
    detail: str
    remedy: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A live check of what is no provider, run by `bharat doctor` and for `/api/health`, where anybody may read its finding. `run`
    takes at most a few seconds. What there is to check of a provider is its `Provider.check`."""

    name: str
    run: Callable[[Application], Finding]
