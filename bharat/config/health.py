"""The configuration, looked at: what loads and is unwise all the same."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from bharat.config.addresses import of_loopback
from bharat.config.fields import Row
from bharat.config.secret import MASK
from bharat.config.sections import SECRET_KEY_LENGTH, Config
from bharat.contracts.check import Finding, Status

_VARIETY = 12
"""Different characters that a secret of 32 random ones has at least: of 16 symbols, as hexadecimal has, fewer come up once in some
10,000 secrets."""
_MAKE_ONE = "make one with `python -c 'import secrets; print(secrets.token_urlsafe(48))'`"


def examine_config(config: Config, rows: Iterable[Row], key_file: Path) -> Iterator[Finding]:
    """`rows` are all keys with their sources; `key_file` is where a single node keeps its secret."""
    file = config.file
    yield Finding(Status.OK, str(file.absolute()) if file else "no file: defaults and the environment", about="file")
    if file is not None and (open_to_all := _readable_secrets(file, rows)):
        yield open_to_all
    yield _public_url(config.server.public_url)
    yield _secret(config, key_file)


def _public_url(url: str) -> Finding:
    if url.startswith("https://") or of_loopback(url):
        return Finding(Status.OK, url, about="public-url")
    return Finding(
        Status.FAILED,
        f"browsers come by {url}, so that passwords and sessions travel readable",
        "let a proxy serve https and name it: server.public_url (BHARAT_SERVER__PUBLIC_URL)",
        "public-url",
    )


def _secret(config: Config, file: Path) -> Finding:
    if config.secret_key is not None:
        return _strength(config.secret_key.reveal(), "secret_key")
    if not file.exists():
        return Finding(Status.OK, f"none yet: {file} is made at the first start", about="secret")
    if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding(
            Status.FAILED,
            f"others on this machine may open {file}: who has it can log in as anybody",
            f"chmod 600 {file}; if others were there, remove it as well, which logs everybody out",
            "secret",
        )
    return _strength(file.read_text(encoding="utf-8", errors="replace").strip(), str(file))


def _strength(secret: str, where: str) -> Finding:
    if len(secret) < SECRET_KEY_LENGTH or len(set(secret)) < _VARIETY:
        return Finding(Status.FAILED, f"{where} can be guessed", f"{_MAKE_ONE}; the old one's sessions end", "secret")
    return Finding(Status.OK, f"{where} has {len(secret)} characters", about="secret")


def _readable_secrets(file: Path, rows: Iterable[Row]) -> Finding | None:
    """A file that others may read, if a secret stands in it."""
    if not file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return None
    secrets = [row.key for row in rows if MASK in row.shown and row.source.startswith(file.name)]
    if not secrets:
        return None
    return Finding(
        Status.DEGRADED,
        f"others on this machine may read {file}, which holds {', '.join(secrets)}",
        f"chmod 600 {file}, or give the secrets in the environment",
        "file",
    )
