"""The mail providers `file` and `console`."""

from __future__ import annotations

import io
import os
from dataclasses import replace

import pytest

from bharat.contracts.mail import Mail, MailRefused, Message
from bharat.local.mail import Console, Outbox
from bharat.local.options import OutboxOptions
from bharat.testing.mail import Delivered, Deliveries, MailSuite
from bharat.testing.platform import SmallPlatform
from bharat.testing.suite import CutOff

MESSAGE = Message("id@bharat.example", "crm@bharat.example", "ann@example.com", "Hello", "Text", html="<p>Text</p>")


class TestTheOutbox(MailSuite):
    @pytest.fixture
    def mail(self, platform: SmallPlatform) -> Mail:
        return Outbox(OutboxOptions(), platform)

    @pytest.fixture
    def deliveries(self, platform: SmallPlatform) -> Deliveries:
        return lambda: [Delivered.parse(path.read_bytes()) for path in (platform.home / "outbox").glob("*.eml")]

    @pytest.fixture
    def cut_off(self, platform: SmallPlatform) -> CutOff:
        def block() -> None:
            (platform.home / "outbox").write_text("a file where the folder should be")

        return block


class TestTheConsole(MailSuite):
    @pytest.fixture
    def stream(self) -> io.StringIO:
        return io.StringIO()

    @pytest.fixture
    def mail(self, platform: SmallPlatform, stream: io.StringIO) -> Mail:
        return Console(platform.clock, stream)

    @pytest.fixture
    def deliveries(self, stream: io.StringIO) -> Deliveries:
        def parse(printed: str) -> Delivered:
            head, _, body = printed.partition("\n\n")
            text, _, html = body.partition(f"\n{Console.html_follows}\n")
            headers = dict(line.split(": ", 1) for line in head.splitlines())
            return Delivered({name.lower(): value for name, value in headers.items()}, text, html or None)

        def read() -> list[Delivered]:
            rule = f"{Console.rule}\n"
            return [parse(one.removesuffix("\n")) for one in stream.getvalue().split(rule)[1::2]]

        return read

    @pytest.fixture
    def cut_off(self, stream: io.StringIO) -> CutOff:
        return stream.close


def test_the_console_is_standard_output(platform: SmallPlatform, capsys: pytest.CaptureFixture[str]) -> None:
    Console(platform.clock).send(MESSAGE)
    assert "To: ann@example.com\nSubject: Hello\n" in capsys.readouterr().out


def test_the_name_of_a_file_follows_from_the_message_id(platform: SmallPlatform) -> None:
    Outbox(OutboxOptions(folder="mails"), platform).send(MESSAGE)
    (file,) = (platform.home / "mails").iterdir()
    assert file.name == Outbox.file_name("id@bharat.example")
    assert file.name.startswith("id@bharat.example-")


def test_only_its_owner_may_read_a_mail_whatever_the_folder(platform: SmallPlatform) -> None:
    folder = platform.home / "outbox"
    folder.mkdir()
    folder.chmod(0o777)
    before = os.umask(0)
    try:
        Outbox(OutboxOptions(), platform).send(MESSAGE)
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]


def test_no_message_id_leads_out_of_the_outbox(platform: SmallPlatform) -> None:
    Outbox(OutboxOptions(), platform).send(replace(MESSAGE, message_id="../../evil@bharat.example"))
    assert [path.name for path in platform.home.iterdir()] == ["outbox"]
    (file,) = (platform.home / "outbox").iterdir()
    assert not file.name.startswith(".")


def test_a_second_copy_changes_nothing(platform: SmallPlatform) -> None:
    outbox = Outbox(OutboxOptions(), platform)
    outbox.send(MESSAGE)
    (file,) = (platform.home / "outbox").iterdir()
    before = (file.stat().st_ino, file.read_bytes())
    outbox.send(replace(MESSAGE, text="Other text"))
    assert [path.name for path in (platform.home / "outbox").iterdir()] == [file.name]
    assert (file.stat().st_ino, file.read_bytes()) == before


@pytest.mark.parametrize("name", ["To", "bcc", "Subject", "Message-ID", "Content-Type", "", "a b", "a:"])
def test_a_header_can_t_stand_in_for_a_field(platform: SmallPlatform, name: str) -> None:
    with pytest.raises(MailRefused):
        Outbox(OutboxOptions(), platform).send(replace(MESSAGE, headers={name: "x"}))


@pytest.mark.parametrize("message_id", ["", "x", "<a@b>", "a@b c", "a@", "@b", "a@b\x00"])
def test_a_malformed_message_id_is_refused(platform: SmallPlatform, message_id: str) -> None:
    with pytest.raises(MailRefused):
        Outbox(OutboxOptions(), platform).send(replace(MESSAGE, message_id=message_id))


@pytest.mark.parametrize("text", ["Open it:\n{}\n", "Für 報告:\n{}\n"])
def test_a_link_stands_on_one_line_of_the_file(platform: SmallPlatform, text: str) -> None:
    link = f"http://127.0.0.1:8000/reset?token={'k' * 200}&x=1"
    Outbox(OutboxOptions(), platform).send(replace(MESSAGE, text=text.format(link), html=f"<a href='{link}'>Open</a>"))
    (file,) = (platform.home / "outbox").iterdir()
    assert file.read_bytes().count(link.encode()) == 2


def test_a_line_too_long_for_smtp_is_encoded(platform: SmallPlatform) -> None:
    Outbox(OutboxOptions(), platform).send(replace(MESSAGE, text="ü" * 500, html="x" * 999))
    (file,) = (platform.home / "outbox").iterdir()
    assert max(len(line) for line in file.read_bytes().split(b"\r\n")) <= 998
