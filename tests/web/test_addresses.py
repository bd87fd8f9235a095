"""Whose address a call has, behind proxies and on dual-stack sockets."""

from __future__ import annotations

import falcon
import pytest
from falcon import testing

from bharat.accounts.budgets import _network
from bharat.config.addresses import parsed
from bharat.web.dispatch import networks
from bharat.web.request import client_address, is_trusted

TRUSTED = networks(["127.0.0.0/8", "2001:db8::/32"])


def asked(peer: str, forwarded: str | None = None) -> falcon.Request:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return falcon.Request(testing.create_environ("/", remote_addr=peer, headers=headers))


@pytest.mark.parametrize(
    ("peer", "forwarded", "told"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.7, 127.0.0.3", "198.51.100.7"),
        # A dual-stack socket shows IPv4 as IPv6, the trusted proxy's too.
        ("::ffff:192.0.2.1", None, "192.0.2.1"),
        ("::ffff:127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        # Some proxies add the port, which differs from call to call.
        ("127.0.0.1", "198.51.100.7:51234", "198.51.100.7"),
        ("127.0.0.1", "[2001:DB9::1]:443", "2001:db9::1"),
        ("127.0.0.1", "203.0.113.9, [2001:db8::5]:443", "203.0.113.9"),
        ("::1", "198.51.100.7", "::1"),
        # What is no address names nobody.
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7, _hidden", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7:port", "127.0.0.1"),
    ],
)
def test_a_caller_has_one_address_however_it_is_written(peer: str, forwarded: str | None, told: str) -> None:
    assert client_address(asked(peer, forwarded), TRUSTED) == told


def test_a_trusted_proxy_is_one_on_a_dual_stack_socket_too() -> None:
    assert is_trusted(asked("::ffff:127.0.0.1"), TRUSTED)
    assert not is_trusted(asked("::ffff:192.0.2.1"), TRUSTED)


def test_ipv4_callers_on_a_dual_stack_socket_have_budgets_of_their_own() -> None:
    """Protected by `ipv4_mapped` in `parsed`: all of them lie in one /64."""
    assert _network("::ffff:192.0.2.1") == _network("192.0.2.1") != _network("::ffff:192.0.2.2")
    assert _network("2001:db8::1") == _network("2001:db8::2") != _network("2001:db8:0:1::1")


@pytest.mark.parametrize(
    "text", ["", "x", "1.2.3", "1.2.3.4:", "1.2.3.4:123456", "[1.2.3.4", "::1]:80", "1.2.3.4:80\n"]
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert parsed(text) is None
