"""Wrong mail backends, each with its suite; `test_suites_bite.py` runs them. `TestRight` is what they derive from."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import ClassVar
from uuid import uuid4

import pytest

from bharat.contracts.mail import Message
from bharat.local.mail import Outbox
from bharat.local.options import OutboxOptions
from bharat.testing.mail import Delivered, Deliveries, MailSuite
from bharat.testing.platform import SmallPlatform


class TestRight(MailSuite):
    backend: ClassVar[type[Outbox]] = Outbox

    @pytest.fixture
    def mail(self, platform: SmallPlatform) -> Outbox:
        return self.backend(OutboxOptions(), platform)

    @pytest.fixture
    def deliveries(self, platform: SmallPlatform) -> Deliveries:
        return lambda: [Delivered.parse(path.read_bytes()) for path in (platform.home / "outbox").glob("*.eml")]


class Wrong(TestRight):
    """What is never going to happen is not waited for as long as what may be slow."""

    patience = timedelta(seconds=0.5)


class TestInventsItsOwnIds(Wrong):
    class backend(Outbox):  # noqa: N801
        def send(self, message: Message) -> None:
            super().send(replace(message, message_id=f"{uuid4()}@{message.message_id.rpartition('@')[2]}"))


class TestLetsLineBreaksThrough(Wrong):
    """Writes the subject as a header line of its own making."""

    class backend(Outbox):  # noqa: N801
        def send(self, message: Message) -> None:
            lines = message.subject.splitlines() or [""]
            super().send(replace(message, subject=lines[0]))
            path = self._folder / self.file_name(message.message_id)
            more = "".join(f"{line.strip()}\r\n" for line in lines[1:])
            path.write_bytes(more.encode() + path.read_bytes())


class TestSendsToEverybody(Wrong):
    class backend(Outbox):  # noqa: N801
        def send(self, message: Message) -> None:
            for number, recipient in enumerate(message.recipient.split(",")):
                super().send(replace(message, recipient=recipient.strip(), message_id=f"{number}.{message.message_id}"))
