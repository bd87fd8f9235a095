"""Pictures among the files: thumbnails, and what browsers may show."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from bharat.records.files import thumbnails
from plugins.crm.tests.attached import (
    added,
    files_of,
    stored,
    work,
)
from plugins.crm.tests.desk import Desk


def picture(width: int = 800, height: int = 400, format: str = "PNG") -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(written, format)
    return written.getvalue()


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


@pytest.mark.parametrize(("format", "made"), [("PNG", False), ("JPEG", True)])
def test_a_picture_that_takes_much_memory_gets_a_thumbnail_only_where_it_is_decoded_smaller(
    desk: Desk, deal: str, monkeypatch: pytest.MonkeyPatch, format: str, made: bool
) -> None:
    monkeypatch.setattr(thumbnails, "MOST_DECODED", 800 * 400 * 3 - 1)
    content_type = f"image/{format.lower()}"
    file = added(desk.agent, deal, picture(format=format), name="a", content_type=content_type)
    work(desk)
    assert desk.agent.get(f"{files_of(deal)}/{file['id']}").json["thumbnail"] is made


def test_a_picture_that_lies_about_its_format_is_not_decoded(desk: Desk, deal: str) -> None:
    """Only the formats that are asked for are tried, whatever the bytes say: decoders of others have been attacked."""
    file = added(desk.agent, deal, picture(format="TIFF"), name="a.png", content_type="image/png")
    work(desk)
    assert desk.agent.get(f"{files_of(deal)}/{file['id']}").json["thumbnail"] is False
