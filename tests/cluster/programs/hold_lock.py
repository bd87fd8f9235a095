"""Tries to take the lock `nightly`, says its fence or `kept out`, and holds it until standard input ends.

Argument: the configuration; the rest is in the environment, as a server of the cluster has it."""

import os
import sys
from datetime import timedelta
from pathlib import Path

from bharat.app import build
from bharat.config import load

with build(load(Path(sys.argv[1]), os.environ)) as app:
    lease = app.locks.acquire("nightly", ttl=timedelta(minutes=10))
    sys.stdout.write(f"{lease.fence if lease else 'kept out'}\n")
    sys.stdout.flush()
    sys.stdin.read()
    if lease:
        app.locks.release(lease)
