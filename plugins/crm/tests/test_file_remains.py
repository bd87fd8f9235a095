"""What breaks off, what is deleted, and a file store that is away: nothing stays that should not, nothing goes that should."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from bharat.contracts.storage import Storage, StorageUnavailable
from bharat.records.files import jobs
from bharat.records.files.attached import stale
from bharat.testing.platform import ShiftableClock
from bharat.work.clock import CronClock
from plugins.crm.tests.attached import (
    CONTENT,
    add,
    added,
    begin,
    class_of_storage,
    complete,
    files_of,
    rows,
    send,
    stored,
    unavailable,
    wait,
    wait_long,
    work,
)
from plugins.crm.tests.desk import Desk


def test_an_upload_that_breaks_off_shows_nothing_and_is_swept(
    desk: Desk, deal: str, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutant: `test_without_the_sweep_what_broke_off_stays`."""
    app = desk.site.app

    def put(self: Storage, key: str, chunks: Iterator[bytes], **more: Any) -> Any:
        written(self, key, chunks, **more)
        raise StorageUnavailable("it was cut off after the last byte")

    written = class_of_storage(desk).put
    with monkeypatch.context() as patch:
        patch.setattr(class_of_storage(desk), "put", put)
        answer = add(desk.agent, deal)
    assert answer.status_code == 503
    assert desk.agent.get(files_of(deal)).json["items"] == []
    cron = CronClock(app.database, app.catalogue)
    cron.look()
    work(desk)
    assert len(stored(desk)) == 1, "it may still go on"
    clock.advance(timedelta(days=2))
    cron.look()
    work(desk)
    assert (rows(desk), stored(desk)) == (0, [])


def test_without_the_sweep_what_broke_off_stays(
    desk: Desk, deal: str, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: what `stale` finds in `bharat.records.files.jobs.sweep`."""
    monkeypatch.setattr(jobs, "stale", lambda *_: [])
    with pytest.raises(AssertionError):
        test_an_upload_that_breaks_off_shows_nothing_and_is_swept(desk, deal, clock, monkeypatch)


def test_a_sweep_leaves_what_is_ready(desk: Desk, deal: str, clock: ShiftableClock) -> None:
    file = added(desk.agent, deal)
    clock.advance(timedelta(days=30))
    assert jobs.sweep(desk.site.app) == 0
    # The key that called is still good for as long; the file is there.
    assert stored(desk)[0].endswith(f"files/{file['id']}")


def test_a_record_that_is_deleted_during_the_upload_gets_no_file(
    desk: Desk, deal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = class_of_storage(desk).put

    def put(self: Storage, key: str, chunks: Iterator[bytes], **more: Any) -> Any:
        found = written(self, key, chunks, **more)
        assert desk.agent.delete(f"/api/v1/deals/{deal}").status_code == 204
        return found

    monkeypatch.setattr(class_of_storage(desk), "put", put)
    assert add(desk.agent, deal).status_code == 404
    desk.agent.post(f"/api/v1/deals/{deal}/restore")
    assert desk.agent.get(files_of(deal)).json["items"] == []


def test_a_deleted_file_is_gone_for_good(desk: Desk, deal: str) -> None:
    file = added(desk.agent, deal)
    path = f"{files_of(deal)}/{file['id']}"
    assert desk.agent.delete(path).status_code == 204
    assert (desk.agent.get(path).status_code, desk.agent.delete(path).status_code) == (404, 404)
    work(desk)
    assert (rows(desk), stored(desk)) == (0, [])


def test_a_file_store_that_is_away_forgets_no_deletion(
    desk: Desk, deal: str, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = added(desk.agent, deal)
    with monkeypatch.context() as patch:
        patch.setattr(class_of_storage(desk), "delete", unavailable)
        assert desk.agent.delete(f"{files_of(deal)}/{file['id']}").status_code == 204
        work(desk)
    assert len(stored(desk)) == 1
    clock.advance(timedelta(hours=1))
    work(desk)
    assert stored(desk) == []


def test_a_deletion_waits_for_a_file_store_that_is_away_for_days(
    desk: Desk, deal: str, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutant: `test_with_some_attempts_alone_a_deleted_file_stays`."""
    file = added(desk.agent, deal)
    with monkeypatch.context() as patch:
        patch.setattr(class_of_storage(desk), "delete", unavailable)
        desk.agent.delete(f"{files_of(deal)}/{file['id']}")
        wait_long(desk, clock)
    assert len(stored(desk)) == 1
    wait(desk, clock)
    assert stored(desk) == []


def test_with_some_attempts_alone_a_deleted_file_stays(
    desk: Desk, deal: str, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `max_attempts=None` of `REMOVE`."""
    monkeypatch.setattr("bharat.work.queue.stored_limit", lambda max_attempts: 20)
    with pytest.raises(AssertionError):
        test_a_deletion_waits_for_a_file_store_that_is_away_for_days(desk, deal, clock, monkeypatch)


def test_a_file_store_that_is_away_is_a_503(desk: Desk, deal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = added(desk.agent, deal)
    for method in ("put", "open", "presign_get", "presign_put"):
        monkeypatch.setattr(class_of_storage(desk), method, unavailable)
    path = f"{files_of(deal)}/{file['id']}"
    answers = [
        add(desk.agent, deal), desk.agent.get(f"{path}/content"), desk.agent.get(f"{path}/link"),
        desk.agent.post(f"{files_of(deal)}/uploads", {"name": "a", "size": 1}),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [503] * 4
    assert len(desk.agent.get(files_of(deal)).json["items"]) == 1


def test_a_file_that_becomes_ready_while_the_sweep_looks_keeps_its_bytes(
    desk: Desk, deal: str, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected by `if forget(...)` in `bharat.records.files.jobs.sweep`."""
    begun = begin(desk, deal)
    send(desk, begun)
    clock.advance(timedelta(days=1, seconds=1))
    find = stale

    def meanwhile(*arguments: Any) -> list[Any]:
        found = find(*arguments)
        if found:
            complete(desk, deal, begun)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "stale", meanwhile)
        assert jobs.sweep(desk.site.app) == 0
    work(desk)
    path = f"{files_of(deal)}/{begun['file']['id']}"
    assert desk.agent.get(path).json["state"] == "ready"
    assert desk.agent.get(f"{path}/content").content == CONTENT


def test_without_asking_the_row_the_sweep_takes_the_bytes_of_a_ready_file(
    desk: Desk, deal: str, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "forget", lambda *_: True)
    monkeypatch.setattr(jobs, "_BATCH", 1)
    with pytest.raises(AssertionError):
        test_a_file_that_becomes_ready_while_the_sweep_looks_keeps_its_bytes(desk, deal, clock, monkeypatch)
