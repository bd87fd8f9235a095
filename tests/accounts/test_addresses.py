"""An address that is taken is one that mail can be sent to."""

from __future__ import annotations

import re

import pytest

from bharat.accounts.users import EMAIL
from bharat.contracts.mail import MailRefused, Message
from bharat.contracts.mime import compose
from bharat.data.clock import OffsetClock


@pytest.mark.parametrize(
    "address",
    ["a@b", "asha.rao@acme.example", "o'neil+crm@a-b.example", "{x}@a", "a@1.2", f"a@{'l' * 63}.example"],
)
def test_an_address_that_is_taken_can_be_written_to(address: str) -> None:
    assert re.search(EMAIL, address)
    written(address)


@pytest.mark.parametrize("address", ["a..b@acme.example", ".a@acme.example", "a.@acme.example", "=?utf-8?q?a?=@b"])
def test_what_no_mail_can_be_sent_to_is_no_address(address: str) -> None:
    with pytest.raises(MailRefused):
        written(address)
    assert not re.search(EMAIL, address)


@pytest.mark.parametrize(
    "address", ["a@-", "a@-b", "a@b-.example", "a@b..example", "a@.example", f"a@{'l' * 64}", "a@b\n"]
)
def test_what_is_no_hosts_name_is_no_address(address: str) -> None:
    assert not re.search(EMAIL, address)


def written(address: str) -> None:
    compose(Message("a@localhost", "no-reply@localhost", address, "Hello", "Hello"), OffsetClock())
