"""The vectors provider `new_plugin`: what the plugin hands over to Bharat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from bharat import hookimpl
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat.contracts.vectors import Vectors
from msgspec import Meta


class NewPluginOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[vectors.new_plugin]`"""

    file: Annotated[str, Meta(min_length=1, description="the index, relative to home")] = "vectors.sqlite3"


def _build(options: NewPluginOptions, platform: Platform) -> Vectors:
    # Imported when the provider is chosen: a driver costs nothing before.
    from bharat.cli.templates.vectors.vectors import NewPluginVectors

    return NewPluginVectors(options, platform)


@hookimpl
def bharat_vectors() -> Sequence[Provider[Vectors, Any]]:
    return [
        Provider(
            "new_plugin",
            NewPluginOptions,
            _build,
            shared=False,  # a file of one machine
            summary="A small index in one SQLite file",
        )
    ]
