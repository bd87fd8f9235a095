"""What a plugin declares of the services it works with: settings that each organisation has of its own, with secrets, and a
webhook that the service calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

import msgspec

from bharat.contracts.database import Reader
from bharat.contracts.errors import Unavailable

if TYPE_CHECKING:
    from bharat.contracts.work import JobContext

SECRET = "secret"  # noqa: S105 - a name, not a value
"""The key of `msgspec.Meta.extra` that makes a field of settings a secret: `Meta(extra={SECRET: True})`."""

NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
"""What an integration may be called."""

MOST_BODY = 25 * 1024 * 1024
"""The largest `InboundWebhook.max_body`, in bytes; what GitHub sends at most."""


class SecretUnreadable(Unavailable):
    """A stored secret can't be decrypted: the secret of the platform that it was encrypted with is not configured, or the value
    was damaged or moved. The message names the integration and the remedy; nothing is ever read as an empty secret."""


class SettingsUnfit(Unavailable):
    """What an organisation stored is no longer what the integration's settings ask for, as after an upgrade of its plugin. The
    message names the integration, each field and the remedy."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A call to a webhook, before it is known who made it. `header` finds one by its name, whatever its case; what stands there may
    be anything. `at` is the moment by the platform's clock."""

    header: Callable[[str], str | None]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundDelivery:
    """A call whose signature was right. `id` is the same each time it is handed over: the key for effects that must not happen
    twice. `sender_id` is what the sender calls it; `headers` are those that `InboundWebhook.headers` names, in lower case."""

    id: UUID
    organisation_id: UUID
    integration: str
    sender_id: str
    received_at: datetime
    content_type: str | None
    headers: Mapping[str, str]
    body: bytes


Verify = Callable[[SignedRequest, Sequence[str]], str | None]
"""Whether one of the secrets, of which several are valid during a rotation, signed the request: the sender's id of the delivery,
1 to 255 printable ASCII characters, or `None`.

A second delivery of one id is answered and not handled. So take the id from what the signature covers, or a digest of the body: with
one from an unsigned header, whoever recorded a delivery could have it handled again under another id. Compare with
`hmac.compare_digest`. Whatever this raises is a refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundWebhook:
    """What happens when the service calls.

    `handle` runs in a job, at least once for each delivery, and is retried as any job: it may raise `Retry` and `GiveUp`
    (`bharat.contracts.work`). `job.finish_in(unit)` marks the delivery handled in the handler's own unit of work, so that its effect
    happens once. With `verify=None` deliveries are signed as Standard Webhooks 1.0.0 says. `headers` are the names of
    those that `handle` needs. `max_body` is in bytes. An endpoint takes `burst` deliveries at once and `per_second` in the long run;
    more are answered with 429."""

    handle: Callable[[JobContext, InboundDelivery], None]
    verify: Verify | None = None
    headers: tuple[str, ...] = ()
    max_body: int = 1024 * 1024
    burst: int = 600
    per_second: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """A service that organisations connect to, each with settings of its own.

    `name` is lower case, digits and `_`, and part of the path `/api/v1/integrations/<name>`. `settings` is a frozen
    `msgspec.Struct` with `forbid_unknown_fields=True` and kept in JSON; a field with `Meta(extra={"secret": True})` is a text that is
    encrypted at rest and never shown."""

    name: str
    label: str
    settings: type[msgspec.Struct]
    description: str = ""
    webhook: InboundWebhook | None = None


class Integrations(Protocol):
    """Reading what organisations have set up."""

    def settings(self, reader: Reader, name: str) -> msgspec.Struct | None:
        """The settings of the reader's organisation, secrets in plain text and masked in every `repr`; `None` when it has not set
        the integration up. In a unit of work, give the unit.

        Raises `SecretUnreadable`, `SettingsUnfit`, and `PluginError` for a name that no enabled plugin declares."""
        ...
