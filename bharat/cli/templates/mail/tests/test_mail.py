"""The mail provider keeps every promise of its contract."""

from __future__ import annotations

import mailbox
import os

import pytest
from bharat.contracts.mail import Mail
from bharat.testing.mail import Delivered, Deliveries, MailSuite
from bharat.testing.platform import SmallPlatform
from bharat.testing.suite import CutOff

from bharat.cli.templates.mail import NewPluginOptions
from bharat.cli.templates.mail.mail import NewPluginMail


class TestNewPlugin(MailSuite):
    @pytest.fixture
    def mail(self, platform: SmallPlatform) -> Mail:
        return NewPluginMail(NewPluginOptions(), platform)

    @pytest.fixture
    def deliveries(self, platform: SmallPlatform) -> Deliveries:
        def arrived() -> list[Delivered]:
            maildir = mailbox.Maildir(platform.home / "maildir")
            return [Delivered.parse(maildir.get_bytes(key)) for key in maildir.keys()]  # noqa: SIM118 # no mapping's keys

        return arrived

    @pytest.fixture
    def cut_off(self, platform: SmallPlatform) -> CutOff:
        return lambda: os.rename(platform.home, platform.home.with_name("gone"))
