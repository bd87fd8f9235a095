"""Running the command line in this process, in a folder and an environment of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bharat.cli import cli
from bharat.cli.base import Runtime, run
from tests.fixtures.distributions import builtins, distributions

__all__ = ["builtins", "distributions"]


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Bharat = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def bharat(folder: Path, capsys: pytest.CaptureFixture[str], builtins: tuple[tuple[str, object], ...]) -> Bharat:
    """`bharat("config", "--json")` with variables as keywords; the embedded defaults of the tests are built in."""

    def call(*arguments: str, **environ: str) -> Outcome:
        runtime = Runtime(environ=environ)
        runtime.builtins = builtins
        code = run(cli, arguments, runtime=runtime)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call
