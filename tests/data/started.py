"""The programs of `programs/`, started as processes of their own."""

from __future__ import annotations

import subprocess
import sys


def start(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"tests.data.programs.{program}", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def output(process: subprocess.Popen[str], line: str = "") -> str:
    """What it printed; fails when it ended with an error or not at all."""
    with process:
        try:
            printed, _ = process.communicate(line, timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    return printed
