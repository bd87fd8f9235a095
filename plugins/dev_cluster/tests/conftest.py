"""What the tests of the cluster share."""

from __future__ import annotations

import pytest

from bharat_local_servers import NginxBinary, find_postgres, find_valkey
from bharat_local_servers.pytest_fixtures import required


@pytest.fixture(scope="session")
def all_programs(nginx_binary: NginxBinary) -> None:
    """A missing server is a loud skip on a laptop and a failure when CI is set."""
    required(find_postgres)
    required(find_valkey)
