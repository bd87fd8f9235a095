"""Files that clients send straight to the file store, and fetch from it."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from bharat.contracts.storage import Storage
from bharat.records.files import jobs
from bharat.testing.platform import ShiftableClock
from bharat.testing.suite import eventually
from bharat.work.dead import list_jobs
from bharat.work.tables import State
from plugins.crm.tests.attached import (
    CONTENT,
    added,
    begin,
    class_of_storage,
    complete,
    files_of,
    missing,
    rows,
    send,
    stored,
    unavailable,
    wait,
    wait_long,
    work,
)
from plugins.crm.tests.desk import Desk
from tests.fixtures.links import fetched


def test_an_upload_straight_to_the_store_is_verified(desk: Desk, deal: str) -> None:
    begun = begin(desk, deal, sha256=sha256(CONTENT).hexdigest())
    assert (begun["file"]["state"], begun["file"]["size"]) == ("awaiting", len(CONTENT))
    path = f"{files_of(deal)}/{begun['file']['id']}"
    assert desk.agent.get(f"{path}/content").status_code == 409
    assert send(desk, begun).status < 300
    assert stored(desk) == []
    file = complete(desk, deal, begun)
    assert (file["state"], file["sha256"], file["size"]) == ("ready", sha256(CONTENT).hexdigest(), len(CONTENT))
    assert desk.agent.get(f"{path}/content").content == CONTENT
    # Completed again, nothing happens.
    again = desk.agent.post(f"{path}/complete")
    assert (again.status_code, again.json) == (202, {"id": file["id"], "state": "ready"})


@pytest.mark.parametrize(
    ("announced", "sent", "reason"),
    [
        ({"sha256": sha256(b"other").hexdigest()}, CONTENT, "SHA-256"),
        ({"size": len(CONTENT) + 1}, CONTENT, "were announced"),
        ({}, None, "Nothing was uploaded"),
    ],
)
def test_what_is_not_as_announced_is_refused(
    desk: Desk, deal: str, announced: dict[str, Any], sent: bytes | None, reason: str
) -> None:
    begun = begin(desk, deal, **announced)
    if sent is not None:
        assert send(desk, begun, sent).status < 300
    file = complete(desk, deal, begun)
    assert file["state"] == "refused"
    assert reason in file["reason"]
    assert stored(desk) == []
    assert desk.agent.get(f"{files_of(deal)}/{file['id']}/content").status_code == 409


def test_a_verified_upload_whose_worker_died_is_verified_again(
    desk: Desk, deal: str, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored, and killed before it was noted: the next attempt finds it. Mutant:
    `test_without_looking_for_it_what_was_stored_is_refused`."""
    begun = begin(desk, deal)
    send(desk, begun)
    desk.agent.post(f"{files_of(deal)}/{begun['file']['id']}/complete")
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "make_ready", unavailable)
        work(desk)
    assert len(stored(desk)) == 1
    clock.advance(timedelta(hours=1))
    work(desk)
    assert desk.agent.get(f"{files_of(deal)}/{begun['file']['id']}").json["state"] == "ready"


def test_without_looking_for_it_what_was_stored_is_refused(
    desk: Desk, deal: str, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `stored = app.storage.stat(key)` in `_stored`."""
    monkeypatch.setattr(class_of_storage(desk), "stat", missing)
    with pytest.raises(AssertionError, match="refused"):
        test_a_verified_upload_whose_worker_died_is_verified_again(desk, deal, clock, monkeypatch)


def test_an_upload_removed_while_it_is_verified_leaves_nothing(
    desk: Desk, deal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = begin(desk, deal)
    send(desk, begun)
    path = f"{files_of(deal)}/{begun['file']['id']}"
    desk.agent.post(f"{path}/complete")
    completed = class_of_storage(desk).complete

    def then_removed(self: Storage, *arguments: Any, **more: Any) -> Any:
        found = completed(self, *arguments, **more)
        assert desk.agent.delete(path).status_code == 204
        return found

    monkeypatch.setattr(class_of_storage(desk), "complete", then_removed)
    work(desk)
    work(desk)
    assert (rows(desk), stored(desk)) == (0, [])


def test_a_file_store_that_is_away_for_days_loses_no_upload(
    desk: Desk, deal: str, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutant: `test_with_some_attempts_alone_an_upload_is_verified_for_ever`."""
    begun = begin(desk, deal)
    send(desk, begun)
    path = f"{files_of(deal)}/{begun['file']['id']}"
    with monkeypatch.context() as patch:
        patch.setattr(class_of_storage(desk), "complete", unavailable)
        assert complete(desk, deal, begun)["state"] == "verifying"
        wait_long(desk, clock)
    assert desk.agent.get(path).json["state"] == "verifying"
    wait(desk, clock)
    assert desk.agent.get(path).json["state"] == "ready"
    assert desk.agent.get(f"{path}/content").content == CONTENT


def test_with_some_attempts_alone_an_upload_is_verified_for_ever(
    desk: Desk, deal: str, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `max_attempts=None` of `COMPLETE`."""
    monkeypatch.setattr("bharat.work.queue.stored_limit", lambda max_attempts: 8)
    with pytest.raises(AssertionError, match="verifying"):
        test_a_file_store_that_is_away_for_days_loses_no_upload(desk, deal, clock, monkeypatch)


def test_an_upload_whose_job_died_is_verified_after_all(
    desk: Desk, deal: str, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a version before left it, whose jobs had eight attempts."""
    begun = begin(desk, deal)
    send(desk, begun)
    with monkeypatch.context() as patch:
        patch.setattr("bharat.work.queue.stored_limit", lambda max_attempts: 1)
        patch.setattr(class_of_storage(desk), "complete", unavailable)
        complete(desk, deal, begun)
    app = desk.site.app
    path = f"{files_of(deal)}/{begun['file']['id']}"
    assert jobs.sweep(app) == 0
    work(desk)
    assert desk.agent.get(path).json["state"] == "verifying", "it is not a day old"
    clock.advance(timedelta(days=1, seconds=1))
    for _ in range(2):
        assert jobs.sweep(app) == 0
    waiting = list_jobs(app.database, state=State.READY, kind=jobs.COMPLETE.kind)
    assert len(waiting) == 1, "one job is enough"
    work(desk)
    assert desk.agent.get(path).json["state"] == "ready"


def test_an_upload_that_was_swept_before_it_was_verified_is_refused(
    desk: Desk, deal: str, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = begin(desk, deal)
    send(desk, begun)
    with monkeypatch.context() as patch:
        patch.setattr(class_of_storage(desk), "complete", unavailable)
        complete(desk, deal, begun)
        wait_long(desk, clock)
    desk.site.app.storage.sweep(older_than=timedelta(0))
    wait(desk, clock)
    file = desk.agent.get(f"{files_of(deal)}/{begun['file']['id']}").json
    assert (file["state"], "was swept" in file["reason"]) == ("refused", True)
    clock.advance(timedelta(days=1))
    assert jobs.sweep(desk.site.app) == 1
    work(desk)
    assert (rows(desk), stored(desk)) == (0, [])


def test_a_link_gives_the_file_to_whoever_has_it(desk: Desk, deal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it expires. A file store of its own has a clock of its own, so that time really passes."""
    path = f"{files_of(deal)}/{added(desk.agent, deal)['id']}/link"
    answer = fetched(desk.site.client, desk.agent.get(path).json["url"])
    assert answer.body == CONTENT
    assert answer.headers["content-disposition"] == 'attachment; filename="offer.pdf"'
    monkeypatch.setattr("bharat.records.files.endpoints.LINK_EXPIRES", timedelta(seconds=1))
    soon_over = desk.agent.get(path).json["url"]
    eventually(
        lambda: fetched(desk.site.client, soon_over).status == 403, within=timedelta(seconds=20), what="it is refused"
    )
