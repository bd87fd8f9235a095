"""The cluster's `bharat.toml`: what differs from a single node, and nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

WANTED = ("crm", "session_redis")
"""The plugins that a cluster enables when they are installed."""


def installed_plugins() -> tuple[str, ...]:
    """Those of `WANTED` that are there, in their order."""
    found = {entry_point.name for entry_point in entry_points(group="bharat.plugins")}
    return tuple(name for name in WANTED if name in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """What goes into the file. `home` is that of commands; each server is told its own. `database_url` is that of the application's role: no server knows the owner's."""

    public_url: str
    secret_key: str
    database_url: str
    redis_url: str
    files: Path
    home: Path
    plugins: Sequence[str]

    def toml(self) -> str:
        """The file's text."""
        redis = "session_redis" in self.plugins
        sections = [
            _lines(mode="cluster", plugins=list(self.plugins), home=str(self.home), secret_key=self.secret_key),
            "[server]\n# The edge: what it says of callers is believed.\n"
            + _lines(public_url=self.public_url, trusted_proxies=["127.0.0.1/32"]),
            "[database]\n# The application's role, which owns no table.\n" + _lines(url=self.database_url),
            "[storage]\n" + _lines(provider="shared_folder"),
            "[storage.shared_folder]\n" + _lines(root=str(self.files)),
            "[sessions]\n" + _lines(provider="redis" if redis else "database"),
            *(["[sessions.redis]\n" + _lines(url=self.redis_url)] if redis else []),
            "[cache]\n" + _lines(provider="off"),
            "[mail]\n" + _lines(provider="console"),
        ]
        return "# Written by `bharat cluster up`, anew at each start.\n\n" + "\n".join(sections)


def write_private(path: Path, text: str) -> None:
    """Replace a file that holds secrets: whole, and readable by its owner alone."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


def _lines(**values: object) -> str:
    # A JSON text without exotic characters is also a TOML string; lists of such texts are lists.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
