"""Computing without holding up the other greenlets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

ResultT = TypeVar("ResultT")


def off_loop(work: Callable[[], ResultT]) -> ResultT:
    """What `work` returns, computed in gevent's thread pool where greenlets take turns, else here. It must use no greenlet of its
    own: no database, no network, no lock that a greenlet holds."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        from gevent import get_hub

        result: ResultT = get_hub().threadpool.apply(work)
        return result
    return work()
