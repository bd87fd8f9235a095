"""What a plugin hands over to reach people: a delivery channel beside e-mail. Declared ones are
listed; nothing is delivered through them yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bharat.contracts.application import Application


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one person. `id` is deterministic, for channels that drop repeats. `address` is in the channel's own form."""

    id: str
    address: str
    subject: str
    text: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryChannel:
    """A way to reach people (`sms`, `chat`). `deliver` returns when the message was accepted; it raises `Retry` or `GiveUp`
    (`bharat.contracts.work`). `deduplicates` says whether the far side drops a repeated `Delivery.id`."""

    name: str
    deliver: Callable[[Application, Delivery], None]
    deduplicates: bool
    summary: str = ""
