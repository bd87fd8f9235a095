"""In a process patched by gevent, and in one that forks; each with its mutant."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bharat_local_servers import SmtpSink
from tests.fixtures.scripted_smtp import ScriptedServer, late

PROGRAMS = Path(__file__).parent / "programs"


def run(program: str, *arguments: str) -> str:
    command = [sys.executable, str(PROGRAMS / f"{program}.py"), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def turns_while_ten_mails_are_sent(patched: str) -> tuple[int, float]:
    """Each of them is answered after 0.2 s."""
    with ScriptedServer({"RCPT": [late(0.2)] * 10}) as server:
        turns, seconds = run("under_gevent", patched, str(server.port), "10").split()
        assert len(server.taken) == 10
        return int(turns), float(seconds)


def test_under_gevent_others_get_their_turn_while_a_mail_is_sent() -> None:
    turns, seconds = turns_while_ten_mails_are_sent("patched")
    assert turns > 5
    assert seconds < 1.9, "five connections at once"


def test_mutant_without_the_patch_nobody_else_gets_a_turn() -> None:
    turns, seconds = turns_while_ten_mails_are_sent("unpatched")
    assert turns == 0
    assert seconds >= 2


def connections_over_a_fork(*mutant: str) -> int:
    with SmtpSink() as sink:
        run("forked", str(sink.port), *mutant)
        return len({mail.connection for mail in sink.mails()})


def test_a_child_of_a_fork_uses_connections_of_its_own() -> None:
    """Protected by `Pool._after_fork`; the parent goes on with its own."""
    assert connections_over_a_fork() == 2


def test_mutant_whose_child_goes_on_with_its_parents_connection() -> None:
    assert connections_over_a_fork("shared") == 1
