"""What is printed: lines, tables in Markdown, and whether the goals were reached."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version


@dataclass(frozen=True)
class Goal:
    """A figure and the bound that it has to keep."""

    name: str
    figure: float
    bound: float
    at_least: bool

    @property
    def reached(self) -> bool:
        return self.figure >= self.bound if self.at_least else self.figure <= self.bound


def say(text: str) -> None:
    print(text, flush=True)


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    widths = [max(len(line[number]) for line in (heads, *lines)) for number in range(len(heads))]

    def row(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    say(row(heads))
    say(f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    for line in lines:
        say(row(line))


RIVALS = (
    "falcon", "gunicorn", "gevent", "sqlalchemy", "psycopg", "msgspec", "fastapi", "pydantic", "uvicorn", "aiosqlite",
    "django", "djangorestframework", "redis",
)  # fmt: skip
QDRANT = ("qdrant-client", "qdrant-edge-py", "httpx", "pydantic")


def machine(names: Sequence[str] = RIVALS) -> None:
    """On what this runs, and the versions that were compared."""
    say(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    say(", ".join(f"{name} {found}" for name in names if (found := _version(name)) is not None))


def _version(name: str) -> str | None:
    """`None` for a rival that is not installed, and so not measured."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def verdict(goals: Sequence[Goal]) -> int:
    """Say which goals were missed; the exit code."""
    say("")
    missed = [goal for goal in goals if not goal.reached]
    for goal in missed:
        say(f"MISSED: {goal.name}: {goal.figure:.2f}, the goal is {'>=' if goal.at_least else '<='} {goal.bound:g}")
    if goals:
        say(f"{len(goals) - len(missed)} of {len(goals)} goals reached")
    return 1 if missed else 0
