"""The storage provider `new_plugin`: what the plugin hands over to Bharat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from bharat import hookimpl
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat.contracts.storage import Storage
from msgspec import Meta


class NewPluginOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[storage.new_plugin]`"""

    file: Annotated[str, Meta(min_length=1, description="the SQLite file; a relative one lies in home")] = (
        "files.sqlite3"
    )


def _build(options: NewPluginOptions, platform: Platform) -> Storage:
    # Imported when the provider is chosen: a driver costs nothing before.
    from bharat.cli.templates.storage.storage import NewPluginStorage

    return NewPluginStorage(options, platform)


@hookimpl
def bharat_storage() -> Sequence[Provider[Storage, Any]]:
    return [
        Provider(
            "new_plugin",
            NewPluginOptions,
            _build,
            shared=False,  # the file is this machine's
            summary="All files in one SQLite file",
        )
    ]
