"""Users whose files are in an S3 that turns everybody away for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256

import pytest
from falcon import testing

from bharat.contracts.principal import Role
from bharat.testing.site import Caller, OpenSite, Site
from bharat.testing.suite import together
from bharat_local_servers import RadosGateway
from bharat_storage_spaces import asking
from plugins.storage_spaces.tests.faulty_way import FaultyWay, faulty_way
from tests.fixtures.links import fetched
from tests.fixtures.stores import bucket_of

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"])
BUSY = 10
"""Seconds for which the S3 answers 503."""
CONTENT = bytes(range(256)) * 30_000
"""Larger than a part."""


@dataclass(frozen=True)
class Desk:
    site: Site
    way: FaultyWay
    user: Caller
    files: str
    """The path of the files of one contact."""

    def upload(self, name: str, content: bytes) -> testing.Result:
        headers = {"Content-Type": "application/pdf"}
        return self.user.call("POST", self.files, params={"name": name}, body=content, headers=headers)


@pytest.fixture
def desk(open_site: OpenSite, gateway: RadosGateway) -> Iterator[Desk]:
    with faulty_way(gateway.url) as way:
        bucket = bucket_of(gateway, way.url)
        site = open_site("crm", "storage_spaces", BHARAT_MODE="single", BHARAT_STORAGE__PROVIDER="spaces", **bucket)
        user = site.user(site.organisation("acme"), Role.ADMIN)
        contact = user.post("/api/v1/contacts", {"name": "Vicki Laflamme"}).json["id"]
        yield Desk(site, way, user, f"/api/v1/contacts/{contact}/files")


def test_an_s3_that_is_busy_for_ten_seconds_costs_users_nothing_but_time(desk: Desk) -> None:
    """Each begins at the same moment, and none gets a 5xx. Protected by `passes(error)` in `bharat_storage_spaces.asking.ask`."""
    there, gone = (desk.upload(name, CONTENT).json["id"] for name in ("there.pdf", "gone.pdf"))
    begun = desk.user.post(f"{desk.files}/uploads", {"name": "film.mp4", "size": len(CONTENT)}).json
    assert fetched(desk.site.client, begun["url"], begun["method"], CONTENT, begun["headers"]).status < 300
    straight = f"{desk.files}/{begun['file']['id']}"
    acts: list[Callable[[], testing.Result]] = [
        lambda: desk.upload("small.pdf", b"small"),
        lambda: desk.upload("large.pdf", CONTENT),
        lambda: desk.user.get(f"{desk.files}/{there}/content"),
        lambda: desk.user.post(f"{straight}/complete"),
        lambda: desk.user.delete(f"{desk.files}/{gone}"),
    ]
    desk.way.busy_for(BUSY)
    began = time.monotonic()
    answers = together(len(acts), lambda number: acts[number]())
    desk.site.work()
    assert [answer.status_code for answer in answers] == [201, 201, 200, 202, 204]
    assert time.monotonic() - began > BUSY
    assert answers[2].content == CONTENT
    listed = desk.user.get(desk.files).json["items"]
    assert {(file["name"], file["sha256"]) for file in listed} == {
        ("there.pdf", sha256(CONTENT).hexdigest()),
        ("film.mp4", sha256(CONTENT).hexdigest()),
        ("small.pdf", sha256(b"small").hexdigest()),
        ("large.pdf", sha256(CONTENT).hexdigest()),
    }
    assert len(desk.site.app.storage.list()) == 4, "what was deleted is gone"


def test_mutant_that_never_asks_again_answers_5xx(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "passes", lambda error: False)
    with pytest.raises(AssertionError, match="503"):
        test_an_s3_that_is_busy_for_ten_seconds_costs_users_nothing_but_time(desk)
