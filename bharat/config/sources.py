"""Where values come from: a TOML file, with the line of each key, and environment variables."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bharat.contracts.errors import ConfigError

PREFIX = "BHARAT_"
_NOT_SETTINGS = frozenset({"BHARAT_CONFIG", "BHARAT_DEBUG"})
_FOR_TESTS = "BHARAT_TEST_"
_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]#]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*([A-Za-z0-9_\-."']+)\s*=""")


class Raw:
    """One value as found. `text` says that it is an environment variable's text and yet to be read as its type."""

    __slots__ = ("source", "text", "value")

    def __init__(self, value: Any, source: str, *, text: bool = False) -> None:
        self.value = value
        self.source = source
        self.text = text

    def __repr__(self) -> str:
        return f"Raw(from {self.source})"  # the value may be a secret


class TomlFile:
    """A parsed `bharat.toml` that can say on which line a key stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{path} can't be read: {error.strerror}; name another file with --config") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path} is not UTF-8 text, which TOML must be: save it as UTF-8") from error
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path} is not valid TOML: {error}; correct the file there") from error
        self._lines = _lines(text)

    def source(self, *key: str) -> str:
        """`bharat.toml line 12` for a key; without the line when it isn't written plainly on one."""
        for length in range(len(key), 0, -1):
            if line := self._lines.get(key[:length]):
                return f"{self.path.name} line {line}"
        return self.path.name

    def raw(self, value: Any, *key: str) -> Raw:
        return Raw(value, self.source(*key))


def environment_settings(environ: Mapping[str, str]) -> dict[tuple[str, ...], Raw]:
    """Every `BHARAT_…` variable by the path it names: `BHARAT_STORAGE__SPACES__BUCKET` is `("storage", "spaces", "bucket")`."""
    found = {}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in _NOT_SETTINGS and not name.startswith(_FOR_TESTS):
            path = tuple(name.removeprefix(PREFIX).lower().split("__", 2))
            found[path] = Raw(environ[name], name, text=True)
    return found


def environment_name(*key: str) -> str:
    """The variable that sets a key: `("server", "port")` is `BHARAT_SERVER__PORT`."""
    return PREFIX + "__".join(key).upper().replace("-", "_")


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """Line by key path, good enough to point at: a key inside a multi-line string may be mistaken for one."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _path(header[1])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault(table + _path(key[1]), number)
    return lines


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
