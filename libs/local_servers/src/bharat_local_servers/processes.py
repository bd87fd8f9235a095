"""Processes by id and start time, and the tree below one, read from /proc."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on (proc(5)); None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()  # the name before it may hold blanks and brackets


def started(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None when it is gone or a zombie.

    Process ids are re-used; the pair of id and start time is not.
    """
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def descendants(pid: int) -> list[int]:
    """Children, their children and so on, nearest first."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))) is not None:
            children.setdefault(int(fields[1]), []).append(int(entry))
    found: list[int] = []
    frontier = [pid]
    while frontier:
        frontier = [child for parent in frontier for child in children.get(parent, [])]
        found += frontier
    return found


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each; one that has ended meanwhile is no error."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def stop_tree(pid: int) -> list[int]:
    """SIGSTOP the process and everything below it; returns all of them, the process itself first.

    The parent is stopped first, so that it can start no child that would be missed.
    """
    send([pid], signal.SIGSTOP)
    below = descendants(pid)
    send(below, signal.SIGSTOP)
    return [pid, *below]


def kill_tree(pid: int, seconds: float = 10) -> None:
    """SIGKILL the process and everything below it, as a power cut would, and wait until they are gone."""
    tree = [(each, started(each)) for each in stop_tree(pid)]
    send([each for each, _ in tree], signal.SIGKILL)
    poll(lambda: all(start is None or started(each) != start for each, start in tree), seconds)


def poll(condition: Callable[[], bool], seconds: float, interval: float = 0.01) -> bool:
    """Ask until the condition holds; False when it does not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True
