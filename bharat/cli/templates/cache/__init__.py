"""The cache provider `new_plugin`: what the plugin hands over to Bharat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from bharat import hookimpl
from bharat.contracts.cache import Cache
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from msgspec import Meta


class NewPluginOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[cache.new_plugin]`"""

    max_entries: Annotated[int, Meta(ge=1, description="how many entries are kept; the oldest give way")] = 10_000


def _build(options: NewPluginOptions, platform: Platform) -> Cache:
    # Imported when the provider is chosen: a driver costs nothing before.
    from bharat.cli.templates.cache.cache import NewPluginCache

    return NewPluginCache(options, platform)


@hookimpl
def bharat_cache() -> Sequence[Provider[Cache, Any]]:
    return [
        Provider(
            "new_plugin",
            NewPluginOptions,
            _build,
            shared=False,  # each process has entries of its own
            summary="A cache in the memory of each process",
        )
    ]
