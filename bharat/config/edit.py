"""Editing the one list `plugins = [...]` of a `bharat.toml`, everything else left byte for byte as it is."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from bharat.contracts.errors import ConfigError

_START = re.compile(r"^[ \t]*plugins[ \t]*=[ \t]*\[", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_TOKEN = re.compile(
    r'(?P<comment>#[^\n]*)|(?P<string>"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\')|(?P<comma>,)|(?P<end>\])|(?P<space>\s+)'
)


def add_plugin(text: str, name: str) -> str:
    """The file's text with `name` at the end of `plugins`. Raises `ConfigError` for a file that can't be edited safely."""
    before = _names(text)
    found = _find(text)
    if found is None:
        new = _insert_key(text, f'plugins = ["{name}"]')
    else:
        tokens, end = found
        last = next((token for token in reversed(tokens) if token.lastgroup in ("string", "comma")), None)
        if last is None:
            new = f'{text[: tokens[0].start()] if tokens else text[:end]}"{name}"{text[tokens[0].start() if tokens else end :]}'
        else:
            gap = _gap(text, tokens)
            comma = "" if last.lastgroup == "comma" else ","
            tail = "," if last.lastgroup == "comma" else ""
            at = last.end()
            # A comment on the last entry's line stays with that entry.
            if "\n" in gap and (rest := re.match(r"[ \t]*#[^\r\n]*", text[at:])):
                new = f'{text[:at]}{comma}{rest[0]}{gap}"{name}"{tail}{text[at + rest.end() :]}'
            else:
                new = f'{text[:at]}{comma}{gap}"{name}"{tail}{text[at:]}'
    return _checked(text, new, [*before, name])


def remove_plugin(text: str, name: str) -> str:
    """The file's text without `name` in `plugins`; a comment on the entry's own line goes with it."""
    before = _names(text)
    if name not in before:
        raise ConfigError(f"plugin {name!r} is not enabled; enabled: {', '.join(before) or 'none'}")
    found = _find(text)
    if found is None:
        raise _by_hand("its `plugins` list isn't written as `plugins = [...]`")
    tokens, _ = found
    strings = [token for token in tokens if token.lastgroup == "string"]
    token = next(token for token in strings if tomllib.loads(f"x = {token[0]}")["x"] == name)
    start, end = token.span()
    line_start = text.rfind("\n", 0, start) + 1
    rest_of_line = re.compile(r"[ \t]*,?[ \t]*(#[^\r\n]*)?\r?\n").match(text, end)
    if rest_of_line and not text[line_start:start].strip():
        start, end = line_start, rest_of_line.end()
    elif comma := re.compile(r"\s*,[ \t]*").match(text, end):
        end = comma.end()
    elif before_it := re.search(r"\s*,\s*$", text[:start]):
        start = before_it.start()
    return _checked(text, text[:start] + text[end:], [one for one in before if one != name])


def read_file(path: Path) -> str:
    """The file's text with its line ends as they are; empty when there is no file. Raises `ConfigError` when it can't be read."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text, which TOML must be: save it as UTF-8") from error


def replace_file(path: Path, text: str, *, like: Path | None = None) -> None:
    """Write `text` beside the file and move it into place: a reader sees the old file or the new, a crash leaves the old.
    A symbolic link is followed. The permissions are those of `like`, by default of the file itself; without it, only the
    owner may read, because a configuration may hold secrets. Raises `ConfigError` where no file can be made."""
    path = path.resolve()
    model = path if like is None else like
    mode = model.stat().st_mode & 0o777 if model.exists() else 0o600
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise ConfigError(
            f"{path} can't be written: {error.strerror}; make its folder writable, or name another with BHARAT_HOME or --config"
        ) from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _names(text: str) -> list[str]:
    try:
        names = tomllib.loads(text).get("plugins", [])
    except tomllib.TOMLDecodeError as error:
        raise _by_hand(f"it is not valid TOML: {error}") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _by_hand("`plugins` is not a list of names")
    return names


def _find(text: str) -> tuple[list[re.Match[str]], int] | None:
    """The tokens between the brackets of `plugins = [...]` and where the closing one stands."""
    table = _TABLE.search(text)
    start = _START.search(text, 0, table.start() if table else len(text))
    if start is None:
        return None
    tokens: list[re.Match[str]] = []
    position = start.end()
    while token := _TOKEN.match(text, position):
        if token.lastgroup == "end":
            return [one for one in tokens if one.lastgroup != "comment"], position
        tokens.append(token)
        position = token.end()
    raise _by_hand("its `plugins` list holds something else than plain names")


def _gap(text: str, tokens: Sequence[re.Match[str]]) -> str:
    """The space that separates two entries in this file: a new line and its indent, or one blank."""
    strings = [token for token in tokens if token.lastgroup == "string"]
    line_start = text.rfind("\n", 0, strings[-1].start()) + 1
    indent = text[line_start : strings[-1].start()]
    return f"{_line_end(text)}{indent}" if indent.strip() == "" and "[" not in indent and line_start > 0 else " "


def _insert_key(text: str, line: str) -> str:
    if "plugins" in tomllib.loads(text):
        raise _by_hand("its `plugins` list isn't written as `plugins = [...]`")
    table = _TABLE.search(text)
    end = _line_end(text)
    if table is None:
        return text + ("" if not text or text.endswith("\n") else end) + line + end
    return f"{text[: table.start()]}{line}{end}{end}{text[table.start() :]}"


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _checked(old: str, new: str, names: list[str]) -> str:
    """`new`, when it says exactly what `old` says but for `plugins`: whatever the edit got wrong is caught here."""
    try:
        data = tomllib.loads(new)
    except tomllib.TOMLDecodeError:
        raise _by_hand("it is written in a way that can't be edited safely") from None
    if data != {**tomllib.loads(old), "plugins": names}:
        raise _by_hand("it is written in a way that can't be edited safely")
    return new


def _by_hand(reason: str) -> ConfigError:
    return ConfigError(f"the configuration file can't be changed by this command: {reason}; edit it by hand")
