"""The sessions provider `new_plugin`: what the plugin hands over to Bharat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from bharat import hookimpl
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat.contracts.sessions import Sessions
from msgspec import Meta


class NewPluginOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[sessions.new_plugin]`"""

    touch: Annotated[
        float, Meta(ge=0, le=60, description="seconds for which a use of a session is not noted again")
    ] = 60


def _build(options: NewPluginOptions, platform: Platform) -> Sessions:
    # Imported when the provider is chosen: a driver costs nothing before.
    from bharat.cli.templates.sessions.sessions import NewPluginSessions

    return NewPluginSessions(options, platform)


@hookimpl
def bharat_sessions() -> Sequence[Provider[Sessions, Any]]:
    return [
        Provider(
            "new_plugin",
            NewPluginOptions,
            _build,
            shared=False,  # who logged in here is unknown to another process
            summary="Login sessions in the memory of one process",
        )
    ]
