"""What a plugin with tables hands over: their metadata and where its migrations lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrations:
    """A plugin's own line of Alembic revisions, in a version table of its own (`bharat_version_<plugin>`).

    `metadata` holds the tables that the plugin defines by hand; those of its record types are added by Bharat.
    `folder` is the package folder with the revision files. `after` names plugins whose tables these refer to."""

    plugin: str
    folder: Path
    metadata: sa.MetaData
    after: tuple[str, ...] = ()
