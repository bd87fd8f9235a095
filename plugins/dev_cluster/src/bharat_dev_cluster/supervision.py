"""Holding a cluster in the foreground, and finding one that another process holds."""

from __future__ import annotations

import os
import shlex
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from bharat.contracts.errors import BharatError
from bharat_dev_cluster.local_cluster import LocalCluster
from bharat_dev_cluster.record import Record
from bharat_local_servers import processes

LOOK_EVERY = 0.5
"""Seconds between looks at the processes."""
PATIENCE = 60
"""Seconds that another process may take to stop its cluster."""


def open_cluster(folder: Path) -> LocalCluster:
    """The cluster in the folder, its running processes taken over. Raises `BharatError` when there is none."""
    if Record.there(folder) is None:
        raise BharatError(f"there is no cluster in {folder}; `bharat cluster up --folder {folder}` makes one")
    found = LocalCluster(folder, die_with_parent=False)
    found.adopt()
    return found


def refuse_if_up(folder: Path) -> None:
    """Raise `BharatError` when processes of a cluster run in the folder."""
    if Record.there(folder) is None:
        return
    running = [name for name, part in open_cluster(folder).parts.items() if part.running]
    if running:
        raise BharatError(
            f"the cluster in {folder} runs already ({', '.join(running)}): `bharat cluster down --folder {folder}` stops it"
        )


def begin(cluster: LocalCluster) -> None:
    """Write down that this process holds the cluster."""
    pid = os.getpid()
    supervisor = (pid, processes.started(pid) or 0)
    msgspec.structs.replace(cluster.record, supervisor=supervisor).write(cluster.folder)


def watch(cluster: LocalCluster, stop: threading.Event, *, say: Callable[[str], None]) -> None:
    """Until `stop`: tell of each process that ends, and of one that `bharat cluster restart` brings back, which is held from
    then on. Nothing is started again by itself: who kills one wants to see what then happens. Ends too when nothing runs
    any more."""
    down: set[str] = set()
    while not stop.wait(LOOK_EVERY):
        for name, part in cluster.parts.items():
            if part.running or part.adopt():
                if name in down:
                    down.remove(name)
                    say(f"{name} runs again")
            elif name not in down:
                down.add(name)
                again = f"bharat cluster restart {name} --folder {shlex.quote(str(cluster.folder))}"
                say(f"{name} has ended; its log is {part.log_path}; `{again}` starts it again")
        if len(down) == len(cluster.parts):
            return


def end(cluster: LocalCluster) -> list[str]:
    """Stop what runs, through the process that holds it if there is one; the names of what ended."""
    running = [name for name, part in cluster.parts.items() if part.running]
    held = cluster.record.supervisor
    if held and processes.started(held[0]) == held[1]:
        os.kill(held[0], signal.SIGTERM)
        processes.poll(lambda: processes.started(held[0]) != held[1], PATIENCE)
    cluster.stop()
    return running
