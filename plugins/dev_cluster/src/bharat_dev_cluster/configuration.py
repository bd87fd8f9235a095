"""The cluster's `bharat.toml`: what differs from a single node, and nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    more: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Further sections by name, each in the place of the one that is written here otherwise."""

    def toml(self) -> str:
        """The file's text."""
        sections = {**self._sections(), **self.more}
        written = [
            f"[{name}]\n{_REMARKS.get(name, '')}{_lines(**values)}" for name, values in sections.items() if values
        ]
        top = _lines(mode="cluster", plugins=list(self.plugins), home=str(self.home), secret_key=self.secret_key)
        return "# Written by `bharat cluster up`, anew at each start.\n\n" + "\n".join([top, *written])

    def _sections(self) -> dict[str, Mapping[str, object]]:
        redis = "session_redis" in self.plugins
        shared = "storage" not in self.more
        return {
            "server": {"public_url": self.public_url, "trusted_proxies": ["127.0.0.1/32"]},
            "database": {"url": self.database_url},
            "storage": {"provider": "shared_folder"},
            "storage.shared_folder": {"root": str(self.files)} if shared else {},
            "sessions": {"provider": "redis" if redis else "database"},
            "sessions.redis": {"url": self.redis_url} if redis else {},
            "cache": {"provider": "off"},
            "mail": {"provider": "console"},
        }


_REMARKS = {
    "server": "# The edge: what it says of callers is believed.\n",
    "database": "# The application's role, which owns no table.\n",
}


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
