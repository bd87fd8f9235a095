"""The jobs provider `new_plugin`: what the plugin hands over to Bharat. The hook is `bharat_queue`: `bharat_jobs` adds kinds of job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from bharat import hookimpl
from bharat.contracts.jobs import Jobs
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from msgspec import Meta


class NewPluginOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[jobs.new_plugin]`"""

    look: Annotated[
        float, Meta(gt=0, le=1, description="seconds after which an idle worker sees that it is to stop")
    ] = 0.1


def _build(options: NewPluginOptions, platform: Platform) -> Jobs:
    # Imported when the provider is chosen: a driver costs nothing before.
    from bharat.cli.templates.jobs.jobs import NewPluginJobs

    return NewPluginJobs(options, platform)


@hookimpl
def bharat_queue() -> Sequence[Provider[Jobs, Any]]:
    return [
        Provider(
            "new_plugin",
            NewPluginOptions,
            _build,
            shared=False,  # a hint wakes workers of this process alone
            summary="Workers are woken within one process",
        )
    ]
