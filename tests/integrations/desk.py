"""A help desk's plugin, the organisations that use it, and the service that calls them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from falcon import testing

from bharat.contracts.principal import Role
from bharat.data.audit import audit_entries
from bharat.work.worker import Runner
from tests.fixtures.application import Caller, Site

TOKEN = "a-token-that-nobody-may-see"
DESK, REPOSITORY = "/api/v1/integrations/help_desk", "/api/v1/integrations/repository"

CODE = """
import hashlib, hmac
from typing import Annotated
import msgspec
from msgspec import Meta
from bharat import hookimpl
from bharat.contracts.integrations import InboundWebhook, Integration
from bharat.contracts.principal import SYSTEM
from bharat.contracts.work import GiveUp, Retry
from bharat.work import emit

HANDLED = []


class DeskSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: Annotated[str, Meta(min_length=8, max_length=200)]
    token: Annotated[str, Meta(min_length=8, max_length=200, extra={"secret": True})]
    second_token: Annotated[str, Meta(min_length=8, extra={"secret": True})] | None = None
    retries: Annotated[int, Meta(ge=0, le=5)] = 2

    def __post_init__(self):
        if self.second_token == self.token:
            raise ValueError(f"both tokens are {self.token}")


class NoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


def handle(job, delivery):
    HANDLED.append(delivery)
    if delivery.body == b"later":
        raise Retry("the desk is closed")
    if delivery.body == b"never":
        raise GiveUp("the desk is gone")
    if delivery.body in (b"in one commit", b"in one commit that fails"):
        with job.app.database.write(job.organisation_id, SYSTEM) as unit:
            emit(unit, "desk.told", "desk", None, {})
            job.finish_in(unit)
            if delivery.body.endswith(b"fails") and job.attempt == 1:
                raise RuntimeError("after all was written")
        return
    if delivery.body.startswith(b"broken"):
        raise RuntimeError(f"can't make sense of {delivery.body}")
    job.app.storage.put(f"desk/{delivery.id}.txt", [delivery.body])


def github(request, secrets):
    given = request.header("X-Hub-Signature-256") or ""
    right = False
    for secret in secrets:
        expected = "sha256=" + hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
        right |= hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass"))
    if request.body == b"zq-odd-body":
        raise RuntimeError(f"{secrets} {request.body}")
    return hashlib.sha256(request.body).hexdigest() if right else None


@hookimpl
def bharat_integrations():
    return [
        Integration(
            name="help_desk", label="Help desk", settings=DeskSettings,
            webhook=InboundWebhook(handle=handle, headers=("X-Event",), max_body=1000, burst=150, per_second=1),
        ),
        Integration(name="repository", label="Repository", settings=NoSettings, webhook=InboundWebhook(handle=handle, verify=github)),
        Integration(name="silent", label="Silent", settings=NoSettings),
    ]
"""
"""The plugin's source."""


@dataclass(frozen=True)
class Hook:
    """An open webhook as its sender knows it."""

    path: str
    secret: str

    def sign(self, body: bytes, *, id: str, at: float) -> dict[str, str]:
        """Headers as Standard Webhooks says, by a signer of the tests' own."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        digest = hmac.new(key, b"%s.%d.%s" % (id.encode(), int(at), body), hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(digest).decode()}"
        return {"webhook-id": id, "webhook-timestamp": str(int(at)), "webhook-signature": signature}


class Desk:
    """The site, `acme` and `globex` with an administrator each. `beside` are the variables of a further process on the same stores."""

    def __init__(self, site: Site, beside: Mapping[str, str]) -> None:
        self.site = site
        self.beside = beside
        self.app = site.app
        self.acme = site.user(site.organisation("acme"), Role.ADMIN)
        self.globex = site.user(site.organisation("globex"), Role.ADMIN)

    def put(self, body: Mapping[str, Any], who: Caller | None = None, version: int | str = "*") -> testing.Result:
        tag = f'"{version}"' if isinstance(version, int) else version
        return (who or self.acme).call("PUT", DESK, json=dict(body), headers={"If-Match": tag})

    def set_up(self, who: Caller | None = None, token: str = TOKEN) -> testing.Result:
        answer = self.put({"url": "https://desk.example", "token": token}, who)
        assert answer.status_code == 200, answer.text
        return answer

    def settings(self, who: Caller | None = None) -> Any:
        reader = self.app.database.read((who or self.acme).organisation_id)
        return self.app.integrations.settings(reader, "help_desk")

    def open(self, who: Caller | None = None, path: str = DESK, **body: Any) -> Hook:
        answer = (who or self.acme).post(f"{path}/webhook", body)
        assert answer.status_code == 201, answer.text
        url = answer.json["url"].removeprefix(self.app.public_url)
        return Hook(url, answer.json["secret"] or body["secret"])

    def now(self) -> float:
        return self.app.clock.now().timestamp()

    def deliver(self, hook: Hook, body: bytes, *, id: str | None = None, **headers: str) -> testing.Result:
        """A delivery as the sender makes it."""
        signed = hook.sign(body, id=id or f"msg_{secrets.token_hex(8)}", at=self.now())
        return self.send(hook.path, body, {**signed, **headers})

    def send(self, path: str, body: bytes, headers: Mapping[str, str]) -> testing.Result:
        return self.site.client.simulate_post(path, body=body, headers=dict(headers))

    def work(self) -> int:
        """Run what is due; how many jobs."""
        return Runner(self.app, self.app.catalogue.jobs).run_due(self.app.catalogue.queues)

    def effects(self) -> list[bytes]:
        """What the plugin wrote down."""
        files = self.app.storage.list("desk/")
        return [b"".join(self.app.storage.open(file.key).chunks) for file in files]

    def audit(self, organisation_id: UUID | None = None) -> list[Any]:
        statement = sa.select(audit_entries).order_by(audit_entries.c.id)
        rows = self.app.database.read(organisation_id or self.acme.organisation_id).rows(statement)
        return [row for row in rows if row.subject_type in ("integration", "webhook")]
