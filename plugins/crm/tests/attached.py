"""Attaching files to deals as clients do, and looking at what is left of them."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from falcon import testing

from bharat.contracts.storage import StorageUnavailable
from bharat.records.files.tables import record_files
from bharat.testing.files import Answer
from bharat.testing.platform import ShiftableClock
from bharat.work import backoff
from bharat.work.worker import Runner
from plugins.crm.tests.desk import Desk
from tests.fixtures.application import Caller
from tests.fixtures.links import fetched

CONTENT = bytes(range(256)) * 4000


def files_of(deal: str) -> str:
    return f"/api/v1/deals/{deal}/files"


def digest(content: bytes) -> str:
    return f"sha-256=:{b64encode(sha256(content).digest()).decode()}:"


def add(
    by: Caller,
    deal: str,
    content: bytes = CONTENT,
    *,
    name: str = "offer.pdf",
    content_type: str = "application/pdf",
    **headers: str,
) -> testing.Result:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return by.call(
        "POST", files_of(deal), params={"name": name}, body=content, headers={"Content-Type": content_type, **more}
    )


def added(by: Caller, deal: str, content: bytes = CONTENT, **more: str) -> dict[str, Any]:
    answer = add(by, deal, content, **more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json
    return found


def work(desk: Desk) -> None:
    """Run what is due in the background."""
    app = desk.site.app
    Runner(app, app.catalogue.jobs).run_due(app.catalogue.queues)


def wait(desk: Desk, clock: ShiftableClock) -> None:
    """Let the longest wait between two attempts pass, and run what is due."""
    clock.advance(backoff.CAP)
    work(desk)


def wait_long(desk: Desk, clock: ShiftableClock) -> None:
    """Longer than any number of attempts that seems to be enough."""
    for _ in range(60):
        wait(desk, clock)


def rows(desk: Desk) -> int:
    query = sa.select(sa.func.count()).select_from(record_files)
    return int(desk.site.app.database.read(desk.organisation_id).scalar(query))


def stored(desk: Desk) -> list[str]:
    return [file.key for file in desk.site.app.storage.list()]


def class_of_storage(desk: Desk) -> Any:
    """What a test changes to let the file store fail, whichever was chosen."""
    return type(desk.site.app.storage)


def unavailable(*_: Any, **__: Any) -> Any:
    raise StorageUnavailable("it is away")


def missing(*_: Any, **__: Any) -> Any:
    from bharat.contracts.storage import FileMissing

    raise FileMissing("there is none")


def begin(desk: Desk, deal: str, content: bytes = CONTENT, **more: Any) -> dict[str, Any]:
    body = {"name": "offer.pdf", "content_type": "application/pdf", "size": len(content), **more}
    answer = desk.agent.post(f"{files_of(deal)}/uploads", body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json
    return found


def send(desk: Desk, begun: dict[str, Any], content: bytes = CONTENT) -> Answer:
    """As a client sends it: without credentials, to the URL as given."""
    return fetched(desk.site.client, begun["url"], begun["method"], content, begun["headers"])


def complete(desk: Desk, deal: str, begun: dict[str, Any]) -> dict[str, Any]:
    path = f"{files_of(deal)}/{begun['file']['id']}"
    answer = desk.agent.post(f"{path}/complete")
    assert (answer.status_code, answer.json["state"]) == (202, "verifying")
    work(desk)
    found: dict[str, Any] = desk.agent.get(path).json
    return found
