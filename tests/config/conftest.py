"""A folder to work in, free of the settings of whoever runs the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def toml(folder: Path) -> Write:
    """Write `bharat.toml` into the current folder."""

    def write(text: str) -> Path:
        path = folder / "bharat.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
