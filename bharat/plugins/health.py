"""The plugins, looked at: which versions run here, and which do nothing."""

from __future__ import annotations

import platform
from collections.abc import Iterator

import bharat
from bharat.contracts.check import Finding, Status
from bharat.plugins.discovery import installed
from bharat.plugins.facade import Plugins


def examine_versions(plugins: Plugins) -> Finding:
    """What runs on this node, to be compared with the others."""
    found = installed()
    parts = [f"Bharat {bharat.__version__}", f"Python {platform.python_version()}"]
    parts += [f"{name} {found[name][0].version}" for name in plugins.names if name in found]
    return Finding(Status.OK, ", ".join(parts))


def unused_plugins(plugins: Plugins) -> Iterator[Finding]:
    """A finding about `unused` for each plugin that is enabled and does nothing."""
    for name, offers in plugins.unused().items():
        choices = " or ".join(f'{capability}.provider = "{provider}"' for capability, provider in offers)
        yield Finding(
            Status.DEGRADED,
            f"the plugin {name} is enabled, and {'none of its providers is chosen' if offers else 'it adds nothing'}",
            (f"set {choices}, or " if offers else "") + f"disable it with `bharat plugins disable {name}`",
            "unused",
        )
