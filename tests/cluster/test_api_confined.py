"""The tests of the API pass when the application, in mode cluster, can write nowhere but to pipes and to shared memory."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import ExitStack
from urllib.parse import quote, urlsplit

from bharat_local_servers import POSTGRES_VARIABLE, VALKEY_VARIABLE, RadosGateway, Valkey, open_postgres, spawning
from bharat_local_servers.pytest_fixtures import required
from tests.cluster.confined import ROOT, SHARED_MEMORY, confined, drops_root, memory_of_the_confined, writable_mounts
from tests.fixtures.qdrant import QdrantFacade
from tests.fixtures.stores import QDRANT_VARIABLE, S3_VARIABLE

CRM = "plugins/crm/tests"
TESTS = (
    "tests/accounts/test_invitations.py", "tests/records/test_http.py", "tests/records/test_visibility.py",
    f"{CRM}/test_companies.py", f"{CRM}/test_files.py::test_what_goes_up_comes_down",
    f"{CRM}/test_files.py::test_a_flipped_byte_is_refused", f"{CRM}/test_thumbnails.py::test_a_picture_gets_a_thumbnail",
    f"{CRM}/test_direct_uploads.py::test_an_upload_straight_to_the_store_is_verified",
    f"{CRM}/test_direct_uploads.py::test_a_link_gives_the_file_to_whoever_has_it",
    f"{CRM}/test_file_remains.py::test_a_deleted_file_is_gone_for_good",
)  # fmt: skip
"""Logins, mails, records, their visibility, files and their jobs, in the time that a run has for them."""


def test_the_tests_of_the_api_pass_where_nothing_can_be_written() -> None:
    """The servers run outside. What the tests themselves write is in shared memory."""
    drop = drops_root()
    with ExitStack() as stack:
        postgres = required(open_postgres)
        stack.enter_context(postgres)
        valkey = stack.enter_context(required(Valkey))
        gateway = stack.enter_context(required(RadosGateway))
        qdrant = stack.enter_context(required(QdrantFacade))
        memory = str(stack.enter_context(memory_of_the_confined()))
        environ = {
            POSTGRES_VARIABLE: postgres.url, VALKEY_VARIABLE: valkey.url,
            S3_VARIABLE: _with(gateway.url, gateway.access_key, gateway.secret_key),
            QDRANT_VARIABLE: _with(qdrant.url, "", qdrant.api_key),
            "HOME": memory, "TMPDIR": memory, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        words = confined(
            sys.executable, "-u", "-m", "pytest", "-p", "no:cacheprovider", "--basetemp", f"{memory}/tests",
            "--homes", "shared", *TESTS,
        )  # fmt: skip
        process = stack.enter_context(
            subprocess.Popen(
                spawning.command(words, death_signal=None, drop=drop), cwd=ROOT, env=spawning.environment(environ),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
        )  # fmt: skip
        assert process.stdout is not None
        first = process.stdout.readline()  # it has been confined by now
        assert writable_mounts(process.pid) == {SHARED_MEMORY}
        said = first + process.stdout.read()
    assert "homes: shared; mode cluster" in said
    assert re.fullmatch(r"=+ \d{2,} passed, \d+ deselected in .* =+", said.splitlines()[-1]), said[-5000:]


def _with(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{user}:{quote(password, safe='')}@{parts.netloc}"
