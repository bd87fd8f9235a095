"""The limits provider `new_plugin`: what the plugin hands over to Bharat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from bharat import hookimpl
from bharat.contracts.limits import Limits
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from msgspec import Meta


class NewPluginOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[limits.new_plugin]`"""

    max_keys: Annotated[int, Meta(ge=1, description="how many counters and buckets are kept at most")] = 100_000


def _build(options: NewPluginOptions, platform: Platform) -> Limits:
    # Imported when the provider is chosen: a driver costs nothing before.
    from bharat.cli.templates.limits.limits import NewPluginLimits

    return NewPluginLimits(options, platform)


@hookimpl
def bharat_limits() -> Sequence[Provider[Limits, Any]]:
    return [
        Provider(
            "new_plugin",
            NewPluginOptions,
            _build,
            shared=False,  # each process counts for itself
            summary="Counters in the memory of each process",
        )
    ]
