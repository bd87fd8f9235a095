"""Files of records: up and down, straight to the file store, thumbnails, and what breaks off; on both databases."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
import sqlalchemy as sa
from falcon import testing
from PIL import Image

from bharat.contracts.storage import Storage, StorageUnavailable
from bharat.records.files import jobs
from bharat.records.files.attached import stale
from bharat.records.files.tables import record_files
from bharat.testing.files import Answer
from bharat.testing.platform import ShiftableClock
from bharat.testing.suite import eventually
from bharat.work import backoff
from bharat.work.clock import CronClock
from bharat.work.dead import list_jobs
from bharat.work.tables import State
from bharat.work.worker import Runner
from plugins.crm.tests.desk import Desk
from tests.fixtures.application import Caller
from tests.fixtures.links import fetched

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def deal(desk: Desk) -> str:
    """A deal of the agent."""
    return str(desk.deal("Big one", desk.agent)["id"])


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


def picture(width: int = 800, height: int = 400, format: str = "PNG") -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(written, format)
    return written.getvalue()


# Through this server.


def test_what_goes_up_comes_down(desk: Desk, deal: str) -> None:
    file = added(desk.agent, deal, name="Überblick.pdf")
    assert (file["name"], file["size"], file["content_type"]) == ("Überblick.pdf", len(CONTENT), "application/pdf")
    assert (file["sha256"], file["state"]) == (sha256(CONTENT).hexdigest(), "ready")
    assert (file["actor_kind"], file["thumbnail"]) == ("api_key", False)
    assert desk.agent.get(files_of(deal)).json == {"items": [file]}
    assert desk.agent.get(f"{files_of(deal)}/{file['id']}").json == file
    answer = desk.agent.get(f"{files_of(deal)}/{file['id']}/content")
    assert answer.content == CONTENT
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_download_can_be_resumed(desk: Desk, deal: str) -> None:
    path = f"{files_of(deal)}/{added(desk.agent, deal)['id']}/content"
    answer = desk.agent.get(path, headers={"Range": "bytes=1000-"})
    assert (answer.status_code, answer.content) == (206, CONTENT[1000:])
    assert desk.agent.get(path, headers={"Range": "bytes=99999999-"}).status_code == 416


def test_a_file_keeps_away_from_who_does_not_see_its_record(desk: Desk, deal: str) -> None:
    file = added(desk.agent, deal)
    paths = [
        files_of(deal),
        *(f"{files_of(deal)}/{file['id']}{more}" for more in ("", "/content", "/link", "/thumbnail")),
    ]
    for caller in (desk.other_agent, desk.other_manager):
        assert [caller.get(path).status_code for path in paths] == [404] * 5
        assert add(caller, deal).status_code == 404
        assert caller.delete(paths[1]).status_code == 404
    for caller in (desk.manager, desk.viewer, desk.admin):
        assert [caller.get(path).status_code for path in paths[:4]] == [200] * 4
    assert add(desk.viewer, deal).status_code == 403
    assert rows(desk) == 1


def test_a_file_is_found_at_its_own_record_alone(desk: Desk, deal: str) -> None:
    file, other = added(desk.agent, deal), str(desk.deal("Other", desk.agent)["id"])
    for more in ("", "/content", "/link"):
        assert desk.agent.get(f"{files_of(other)}/{file['id']}{more}").status_code == 404
    assert desk.agent.delete(f"{files_of(other)}/{file['id']}").status_code == 404


def test_a_deleted_record_keeps_its_files_to_itself(desk: Desk, deal: str) -> None:
    file = added(desk.agent, deal)
    desk.agent.delete(f"/api/v1/deals/{deal}")
    assert desk.agent.get(f"{files_of(deal)}/{file['id']}/content").status_code == 404
    desk.agent.post(f"/api/v1/deals/{deal}/restore")
    assert desk.agent.get(f"{files_of(deal)}/{file['id']}/content").content == CONTENT


def test_a_digest_that_matches_is_taken(desk: Desk, deal: str) -> None:
    assert add(desk.agent, deal, Content_Digest=digest(CONTENT)).status_code == 201


def test_a_flipped_byte_is_refused(desk: Desk, deal: str) -> None:
    """Mutant: `test_without_the_announced_digest_a_flipped_byte_is_stored`."""
    flipped = bytearray(CONTENT)
    flipped[len(CONTENT) // 2] ^= 1
    answer = add(desk.agent, deal, bytes(flipped), Content_Digest=digest(CONTENT))
    assert answer.status_code == 400
    assert "SHA-256" in answer.json["detail"]
    assert desk.agent.get(files_of(deal)).json["items"] == []
    assert (rows(desk), stored(desk)) == (0, [])


def test_without_the_announced_digest_a_flipped_byte_is_stored(
    desk: Desk, deal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `sha256 = announced_sha256(request)` in `FileEndpoints.upload`."""
    monkeypatch.setattr("bharat.records.files.endpoints.announced_sha256", lambda request: None)
    with pytest.raises(AssertionError, match="201"):
        test_a_flipped_byte_is_refused(desk, deal)


@pytest.mark.parametrize("header", ["sha-256=abc", "sha-256=:AAAA:", "nonsense"])
def test_a_digest_that_is_none_is_malformed(desk: Desk, deal: str, header: str) -> None:
    assert add(desk.agent, deal, Content_Digest=header).status_code == 400
    assert rows(desk) == 0


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


def test_a_file_that_is_too_large_is_refused_before_it_arrives(desk: Desk, deal: str) -> None:
    answer = desk.agent.call(
        "POST", files_of(deal), params={"name": "a"}, body=b"x", headers={"Content-Length": str(2**40)}
    )
    assert answer.status_code == 413
    assert rows(desk) == 0


@pytest.mark.parametrize("params", [{}, {"name": ""}, {"name": "x" * 256}, {"name": "a\nb"}, {"name": "a", "x": "1"}])
def test_a_bad_name_is_refused(desk: Desk, deal: str, params: dict[str, str]) -> None:
    answer = desk.agent.call("POST", files_of(deal), params=params, body=b"x")
    assert answer.status_code in (400, 422)
    assert "name" in answer.text or "x" in params
    assert rows(desk) == 0


@pytest.mark.parametrize("content_type", ["nonsense", "a/b/c", "text/html\x01", "x" * 300 + "/y"])
def test_a_bad_content_type_is_refused(desk: Desk, deal: str, content_type: str) -> None:
    assert add(desk.agent, deal, content_type=content_type).status_code == 415
    assert rows(desk) == 0


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
        patch.setattr(class_of_storage(desk), "delete", _unavailable)
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
        patch.setattr(class_of_storage(desk), "delete", _unavailable)
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
        monkeypatch.setattr(class_of_storage(desk), method, _unavailable)
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


def test_history_and_events_tell_of_files(desk: Desk, deal: str) -> None:
    file = added(desk.agent, deal)
    desk.agent.delete(f"{files_of(deal)}/{file['id']}")
    history = desk.agent.get(f"/api/v1/deals/{deal}/history").json["items"]
    assert [(entry["action"], entry["changes"]) for entry in history[:2]] == [
        ("deal.file_removed", {"file": ["offer.pdf", None]}),
        ("deal.file_added", {"file": [None, "offer.pdf"]}),
    ]


def test_a_record_takes_so_many_files_and_no_more(desk: Desk, deal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bharat.records.files.endpoints.MOST_FILES", 2)
    assert [add(desk.agent, deal).status_code for _ in range(3)] == [201, 201, 409]
    answer = desk.agent.post(f"{files_of(deal)}/uploads", {"name": "a", "size": 1})
    assert answer.status_code == 409


def test_of_files_that_arrive_together_no_more_are_kept_than_there_is_room_for(
    desk: Desk, deal: str, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected by the second `_check_room` in `FileEndpoints.upload`."""
    monkeypatch.setattr("bharat.records.files.endpoints.MOST_FILES", 1)
    written = class_of_storage(desk).put

    def put(self: Storage, key: str, chunks: Iterator[bytes], **more: Any) -> Any:
        patch.undo()
        added(desk.agent, deal)
        return written(self, key, chunks, **more)

    with monkeypatch.context() as patch:
        patch.setattr(class_of_storage(desk), "put", put)
        assert add(desk.agent, deal).status_code == 409
    assert len(desk.agent.get(files_of(deal)).json["items"]) == 1
    clock.advance(timedelta(days=1, seconds=1))
    assert jobs.sweep(desk.site.app) == 1
    work(desk)
    assert len(stored(desk)) == 1


# Straight to the file store.


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
        patch.setattr(jobs, "make_ready", _unavailable)
        work(desk)
    assert len(stored(desk)) == 1
    clock.advance(timedelta(hours=1))
    work(desk)
    assert desk.agent.get(f"{files_of(deal)}/{begun['file']['id']}").json["state"] == "ready"


def test_without_looking_for_it_what_was_stored_is_refused(
    desk: Desk, deal: str, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `stored = app.storage.stat(key)` in `_stored`."""
    monkeypatch.setattr(class_of_storage(desk), "stat", _missing)
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
        patch.setattr(class_of_storage(desk), "complete", _unavailable)
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
        patch.setattr(class_of_storage(desk), "complete", _unavailable)
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
        patch.setattr(class_of_storage(desk), "complete", _unavailable)
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


# Pictures.


@pytest.mark.parametrize(
    ("format", "content_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/gif")]
)
def test_a_picture_gets_a_thumbnail(desk: Desk, deal: str, format: str, content_type: str) -> None:
    file = added(desk.agent, deal, picture(format=format), name="a.png", content_type=content_type)
    path = f"{files_of(deal)}/{file['id']}"
    assert desk.agent.get(f"{path}/thumbnail").status_code == 404
    work(desk)
    assert desk.agent.get(path).json["thumbnail"] is True
    answer = desk.agent.get(f"{path}/thumbnail")
    assert answer.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(answer.content)) as small:
        assert (small.format, small.size) == ("WEBP", (256, 128))
    desk.agent.delete(path)
    work(desk)
    assert stored(desk) == []


def test_a_picture_may_be_shown_and_nothing_else(desk: Desk, deal: str) -> None:
    kinds = {"image/png": "inline", "image/svg+xml": "attachment", "text/html": "attachment"}
    for content_type, kind in kinds.items():
        file = added(desk.agent, deal, b"<svg onload=alert(1)>", name="a", content_type=content_type)
        answer = desk.agent.get(f"{files_of(deal)}/{file['id']}/content", params={"inline": "true"})
        assert answer.headers["content-disposition"].startswith(kind)
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize("content", [b"no picture", b"", picture()[:200], picture(9000, 9000)], ids=str)
def test_what_is_no_small_picture_gets_no_thumbnail(desk: Desk, deal: str, content: bytes) -> None:
    file = added(desk.agent, deal, content, name="a.png", content_type="image/png")
    work(desk)
    assert desk.agent.get(f"{files_of(deal)}/{file['id']}").json["thumbnail"] is False
    assert len(stored(desk)) == 1


def test_a_picture_that_lies_about_its_format_is_not_decoded(desk: Desk, deal: str) -> None:
    """Only the formats that are asked for are tried, whatever the bytes say: decoders of others have been attacked."""
    file = added(desk.agent, deal, picture(format="TIFF"), name="a.png", content_type="image/png")
    work(desk)
    assert desk.agent.get(f"{files_of(deal)}/{file['id']}").json["thumbnail"] is False


def _unavailable(*_: Any, **__: Any) -> Any:
    raise StorageUnavailable("it is away")


def _missing(*_: Any, **__: Any) -> Any:
    from bharat.contracts.storage import FileMissing

    raise FileMissing("there is none")
