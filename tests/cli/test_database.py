"""A database that is not there, not migrated or does not answer is told in one line, and nothing is made."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.distributions import Distributions
from tests.server.process import clean_environment

Bharat = Callable[..., Any]


@pytest.fixture
def bharat(bharat: Bharat, monkeypatch: pytest.MonkeyPatch) -> Bharat:
    from bharat.app import BUILTINS

    monkeypatch.setattr("bharat.cli.base.Runtime.builtins", BUILTINS)
    return bharat


@pytest.mark.parametrize(
    "command", [("org", "list"), ("org", "create", "Acme"), ("jobs", "dead"), ("demo",), ("export", "deals")]
)
def test_a_home_without_a_database_is_told_and_stays_as_it_was(
    bharat: Bharat, folder: Path, command: tuple[str, ...]
) -> None:
    outcome = bharat(*command, BHARAT_HOME=str(folder / "home"))
    file = folder / "home" / "bharat.sqlite3"
    begin, _, end = outcome.err.partition(" revisions pending): ")
    assert (outcome.code, outcome.out) == (1, "")
    assert begin.startswith(f"bharat: error: the database {file} is not migrated (")
    assert end == "run `bharat migrate`; is another home meant? set BHARAT_HOME\n"
    assert not list(folder.iterdir())


def test_a_revision_that_is_pending_is_told(bharat: Bharat, folder: Path) -> None:
    url = f"sqlite:///{folder}/other.sqlite3"
    assert bharat("migrate", DATABASE_URL=url).code == 0
    assert bharat("org", "list", DATABASE_URL=url).code == 0
    outcome = bharat("org", "list", DATABASE_URL=url, BHARAT_PLUGINS="crm")
    assert (outcome.code, outcome.err) == (
        1,
        f"bharat: error: the database {folder}/other.sqlite3 is not migrated (1 revision pending): run `bharat migrate`\n",
    )


def test_a_database_that_does_not_answer_is_named_without_its_password(folder: Path) -> None:
    url = "postgresql://app:hunter2@127.0.0.1:1/crm"
    done = subprocess.run(
        [sys.executable, "-m", "bharat", "org", "list"],
        cwd=folder,
        env=clean_environment(DATABASE_URL=url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "bharat: error: the database crm on 127.0.0.1 port 1 can't be reached: " in done.stderr
    assert "hunter2" not in done.stderr


STOPS_ANSWERING = """
import logging
import sqlite3
import click
import sqlalchemy as sa
from bharat.cli.base import pass_runtime
from bharat.contracts.errors import Unavailable

@click.command()
@pass_runtime
def stumble(runtime):
    with runtime.application():
        try:
            raise sqlite3.OperationalError("disk I/O error")
        except sqlite3.OperationalError as cause:
            logging.getLogger("bharat.data.database").warning("the database refused a statement", exc_info=cause)
            logging.getLogger("bharat.other").error("the rest", exc_info=cause)
            raise Unavailable("The database does not answer; try again shortly.") from sa.exc.DBAPIError("", {}, cause)

@hookimpl
def bharat_commands():
    return [stumble]
"""


def test_a_database_that_stops_answering_is_told_without_a_traceback(
    folder: Path, bharat: Bharat, distributions: Distributions
) -> None:
    distributions.add("stumbling", STOPS_ANSWERING)
    environ = {"BHARAT_PLUGINS": "stumbling", "BHARAT_HOME": str(folder / "home")}
    assert bharat("migrate", **environ).code == 0
    done = subprocess.run(
        [sys.executable, "-m", "bharat", "stumble"],
        cwd=folder,
        env=clean_environment(**environ, PYTHONPATH=os.pathsep.join(sys.path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.splitlines() == [
        "bharat: error: the rest",
        f"bharat: error: The database does not answer; try again shortly. It is {folder / 'home' / 'bharat.sqlite3'}.",
    ]
