"""What the tests of the cluster share."""

from __future__ import annotations

import os

import pytest

from bharat_local_servers import NginxBinary, ServerUnavailable, find_nginx, find_postgres, find_valkey


@pytest.fixture(scope="session")
def nginx_binary() -> NginxBinary:
    try:
        return find_nginx()
    except ServerUnavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def all_programs(nginx_binary: NginxBinary) -> None:
    """A missing server is a loud skip on a laptop and a failure when CI is set."""
    try:
        find_postgres()
        find_valkey()
    except ServerUnavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))
