"""Under gevent a hash leaves the event loop free."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from gevent import monkey
monkey.patch_all()
import gevent, time
from bharat.accounts import passwords
from bharat.accounts.passwords import Passwords
{mutant}
kept = Passwords()
ticks = 0
def count():
    global ticks
    while True:
        ticks += 1
        gevent.sleep(0.001)
counter = gevent.spawn(count)
gevent.sleep(0)
before = ticks
for _ in range(4):
    kept.hash("a long walk in the rain")
print(ticks - before)
"""
MUTANT = "Passwords._off_loop = lambda self, work: work()"


def ticks(mutant: str = "") -> int:
    program = PROGRAM.format(mutant=mutant)
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return int(run.stdout)


def test_other_greenlets_run_while_a_password_is_hashed() -> None:
    assert ticks() > 4


def test_hashed_on_the_loop_nobody_else_runs() -> None:
    """Mutant: the thread pool in `Passwords._off_loop` is left out; the test above would count no tick."""
    assert ticks(MUTANT) == 0
