"""Files of records, through this server: up and down, who may, what is refused; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from bharat.contracts.storage import Storage
from bharat.records.files import jobs
from bharat.testing.platform import ShiftableClock
from plugins.crm.tests.attached import (
    CONTENT,
    add,
    added,
    class_of_storage,
    digest,
    files_of,
    rows,
    stored,
    work,
)
from plugins.crm.tests.desk import Desk


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
