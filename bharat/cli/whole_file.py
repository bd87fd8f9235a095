"""Files that commands write: they appear when they are complete, and until then what was there stays."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import click


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes `path`'s place at the end of the block. When the block fails, `path` stays as it was: a file
    that breaks off must not look like all there is.

    A link is followed, and the permissions of a file that is replaced are kept. What can't be replaced (a terminal, a pipe,
    `/dev/null`) is written as it is. Raises `click.BadParameter` when nothing can be written there."""
    target = path.resolve()
    if target.exists() and not target.is_file():
        with _opened(target, "wb", path) as file:
            yield file
        return
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with _opened(part, "xb", path) as file:
            with suppress(FileNotFoundError):
                shutil.copymode(target, part)
            yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _opened(path: Path, mode: str, named: Path) -> IO[bytes]:
    try:
        return path.open(mode)
    except OSError as error:
        raise click.BadParameter(f"can't write {named}: {error.strerror}") from error
