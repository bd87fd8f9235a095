"""How far away a server is, and whether its clock agrees with ours: for health checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bharat.contracts.check import Finding, Status
from bharat.contracts.platform import Clock

ROUNDS = 5
FAR = timedelta(milliseconds=100)
"""A request makes several round trips: from here on they are what it takes its time for."""
ASKEW = timedelta(seconds=1)
TOO_ASKEW = timedelta(seconds=5)
"""Expiries, rate limits and signed URLs are off by as much. Machines that ask a time server agree within milliseconds."""


def examine_distance(ask: Callable[[], datetime], clock: Clock, who: str) -> Sequence[Finding]:
    """Ask a server its time, five times, and judge the fastest: findings about `round-trip` and `clock`.

    `ask` gives a timezone-aware instant in one round trip; what it raises is passed on. `who` names the server, `PostgreSQL`."""
    fastest = timedelta.max
    askew = timedelta(0)
    for _ in range(ROUNDS):
        begun, before = clock.monotonic(), clock.now()
        theirs = ask()
        took = timedelta(seconds=clock.monotonic() - begun)
        if took < fastest:
            fastest, askew = took, theirs - (before + took / 2)
    return [_round_trip(fastest, who), _clock(askew, who)]


def _round_trip(took: timedelta, who: str) -> Finding:
    detail = f"{who} answers in {took / timedelta(milliseconds=1):.1f} ms"
    if took >= FAR:
        remedy = "let the nodes run where it runs: a request makes several round trips"
        return Finding(Status.DEGRADED, detail, remedy, "round-trip")
    return Finding(Status.OK, detail, about="round-trip")


def _clock(askew: timedelta, who: str) -> Finding:
    if abs(askew) < ASKEW:
        return Finding(Status.OK, f"the clocks of this node and {who} agree", about="clock")
    status = Status.FAILED if abs(askew) > TOO_ASKEW else Status.DEGRADED
    which = "behind" if askew > timedelta(0) else "ahead of"
    return Finding(
        status,
        f"the clock of this node is {abs(askew).total_seconds():.1f} s {which} that of {who}",
        "let a time service (chrony, systemd-timesyncd) set the clock of this node, and of the server",
        "clock",
    )
