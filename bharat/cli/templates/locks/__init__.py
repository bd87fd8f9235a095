"""The locks provider `new_plugin`: what the plugin hands over to Bharat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from bharat import hookimpl
from bharat.contracts.locks import Locks
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from msgspec import Meta


class NewPluginOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[locks.new_plugin]`"""

    poll: Annotated[float, Meta(gt=0, le=1, description="seconds between two looks of who waits for a lock")] = 0.01


def _build(options: NewPluginOptions, platform: Platform) -> Locks:
    # Imported when the provider is chosen: a driver costs nothing before.
    from bharat.cli.templates.locks.locks import NewPluginLocks

    return NewPluginLocks(options, platform)


@hookimpl
def bharat_locks() -> Sequence[Provider[Locks, Any]]:
    return [
        Provider(
            "new_plugin",
            NewPluginOptions,
            _build,
            shared=False,  # no other process sees who holds a lock
            summary="Leases in the memory of one process",
        )
    ]
