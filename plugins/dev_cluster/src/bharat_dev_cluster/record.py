"""`cluster.json`: what a cluster was made with, so that the next start in its folder makes the same one."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Self

import msgspec

from bharat.contracts.errors import BharatError
from bharat.contracts.spelling import hint
from bharat_dev_cluster.configuration import installed_plugins, write_private
from bharat_local_servers import free_port

FILE = "cluster.json"


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stays the same from start to start. `supervisor` is the process that holds the cluster in the foreground, by
    its id and start time."""

    app_servers: int
    port: int
    plugins: tuple[str, ...]
    secret_key: str
    supervisor: tuple[int, int] | None = None

    @classmethod
    def there(cls, folder: Path) -> Self | None:
        """The record in the folder. Raises `BharatError` when it can't be read."""
        try:
            return msgspec.json.decode((folder / FILE).read_bytes(), type=cls)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise BharatError(f"{folder / FILE} can't be read ({error}): remove {folder} to begin anew") from error

    @classmethod
    def read(cls, folder: Path, *, app_servers: int | None, port: int | None, plugins: Sequence[str] | None) -> Self:
        """The record in the folder, else a new one; `None` leaves a value to the record. Raises `BharatError` for a value
        that contradicts it, and for a new one with a plugin that is not installed: it would have to be removed again."""
        found = cls.there(folder)
        if found is None:
            names = installed_plugins() if plugins is None else _known(plugins)
            return cls(app_servers or 2, port or free_port(), names, secrets.token_urlsafe(48))
        for option, given, kept in (
            ("--app-servers", app_servers, found.app_servers),
            ("--port", port, found.port),
            ("--plugin", None if plugins is None else tuple(plugins), found.plugins),
        ):
            if given is not None and given != kept:
                was, now = (", ".join(each) if isinstance(each, tuple) else each for each in (kept, given))
                raise BharatError(
                    f"the cluster in {folder} was made with {option} {was}, not {now}: leave that out, take another "
                    "folder, or remove this one"
                )
        return found

    def write(self, folder: Path) -> None:
        write_private(folder / FILE, msgspec.json.encode(self).decode())


def _known(plugins: Sequence[str]) -> tuple[str, ...]:
    there = [entry_point.name for entry_point in entry_points(group="bharat.plugins")]
    for name in plugins:
        if name not in there:
            raise BharatError(f"plugin {name!r} is not installed{hint(name, there)}")
    return tuple(plugins)
