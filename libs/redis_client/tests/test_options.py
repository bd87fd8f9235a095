from __future__ import annotations

import subprocess
import sys

import pytest

from bharat_redis import RedisOptions, open_redis


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://localhost", "localhost:6379"),
        ("redis://user:pa%40ss@10.0.0.1:7000/2", "10.0.0.1:7000"),
        ("rediss://[::1]:6380/0?ssl_cert_reqs=required", "[::1]:6380"),
        ("valkeys://default:x@valkey.example.com:25061", "valkey.example.com:25061"),
        ("unix:///run/redis.sock?db=1", "/run/redis.sock"),
    ],
)
def test_a_url_says_where_the_server_is(url: str, address: str) -> None:
    assert RedisOptions(url).address == address


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://user:hush@host", "wrong scheme: write redis://"),
        ("hush", "wrong scheme"),
        ("redis://:hush@", "names no host"),
        ("redis://:hush@host/zero", "number of a database"),
        ("redis://:hush@host:port", "percent-encoding"),
        ("redis://:hu/sh@host:6379", "percent-encoding"),
        ("unix://", "names no socket"),
        ("redis://:hush@host?socket_timeout=900", "sets socket_timeout after `?`; it may only set db, ssl_ca_certs"),
        ("redis://:hush@host?retry_on_timeout=yes&db=1", "sets retry_on_timeout"),
    ],
)
def test_a_url_that_can_t_be_used_is_refused_without_being_repeated(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")) as refused:
        RedisOptions(url)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("name", ["connect_timeout", "read_timeout", "pool_timeout", "longest_block"])
def test_there_is_no_way_to_wait_for_ever(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be more than 0"):
        RedisOptions("redis://localhost", **{name: 0})  # type: ignore[arg-type]


def test_the_password_does_not_show() -> None:
    options = RedisOptions("redis://user:hush@host")
    assert "hush" not in repr(options)
    assert "hush" not in repr(open_redis(options).commands)


def test_importing_the_library_does_not_import_the_driver() -> None:
    code = "import bharat_redis, sys; sys.exit('redis' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
