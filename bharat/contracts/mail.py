"""Capability `mail`: send one message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bharat.contracts.errors import BharatError


class MailRefused(BharatError):
    """The message will never be accepted (bad address, permanent 5xx): don't try again."""


class MailUnavailable(BharatError):
    """The server does not answer or asks to wait (4xx): try again later."""


@dataclass(frozen=True, slots=True)
class Message:
    """A mail. `message_id` (RFC 5322, 3.6.4, without angle brackets) is deterministic: the same mail sent again carries the same."""

    message_id: str
    sender: str
    recipient: str
    subject: str
    text: str
    html: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Mail(Protocol):
    @property
    def deduplicates(self) -> bool:
        """Whether the provider itself delivers a `message_id` once however often it is sent."""
        ...

    def send(self, message: Message) -> None:
        """Hand the message over. Returns when it was accepted; raises `MailRefused` or `MailUnavailable`.

        A header or address holding a line break is `MailRefused`: it would add headers of its own."""
        ...

    def close(self) -> None:
        """Give back connections. Idempotent, and fails for no backend."""
        ...
