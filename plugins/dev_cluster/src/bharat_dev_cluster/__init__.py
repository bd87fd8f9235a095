"""`bharat cluster …`: a cluster of local processes, for developers and drills. Tests use `LocalCluster`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bharat import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def bharat_commands() -> Sequence[click.Command]:
    from bharat_dev_cluster.commands import cluster

    return [cluster]
