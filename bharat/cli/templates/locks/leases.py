"""What is kept of leases, here in memory; in your plugin, your store."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Leases:
    """The owner and the end of each lease by name. `lock` makes looking and changing one step."""

    held: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)


class Away(Exception):
    """The store does not answer. Memory always does: raise it where your driver raises."""
