"""The tutorial, done as it stands there on a machine with Bharat's wheel and nothing of this repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.docs.markdown import Page
from tests.fixtures.author import Workshop, author_environment, workshop
from tests.packaging.distributions import ROOT

__all__ = ["author_environment", "workshop"]

PAGE = Page(ROOT / "docs" / "plugins" / "tutorial.md")
_STEP = re.compile(
    r"(?:^\*\*`(?P<file>[^`]+)`\*\*\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$(?:\n\n^```text\n(?P<told>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Step:
    """A file to write, or commands to run and what they say."""

    file: str | None
    text: str
    told: str | None

    @property
    def fails(self) -> bool:
        return self.told is not None and bool(re.search(r"^FAILED |^bharat: error: ", self.told, re.MULTILINE))


def steps() -> Iterator[Step]:
    for found in _STEP.finditer(PAGE.text):
        assert (found["file"] is None) == (found["language"] == "sh"), found["text"]
        yield Step(found["file"], found["text"], found["told"])


def says(output: str, told: str) -> bool:
    """Whether each line of `told` stands in the output, in that order; `…` is whatever it is."""
    pattern = "(?s:.*)".join(
        r"[^\n]*".join(re.escape(part) for part in line.split("…")) for line in told.strip().splitlines()
    )
    return re.search(pattern, output) is not None


def test_every_step_does_what_it_says(workshop: Workshop) -> None:
    first, *rest = steps()
    # The machine of this test is the one that the first step makes.
    assert first.text.splitlines() == [
        "mkdir bharat-shelf && cd bharat-shelf",
        "python3 -m venv .venv && source .venv/bin/activate",
        "pip install 'bharat[testing]'",
    ]
    folder = workshop.folder / "bharat-shelf"
    folder.mkdir()
    for step in rest:
        if step.file is not None:
            place = folder / step.file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(step.text, encoding="utf-8")
            continue
        said = workshop.run("bash", "-ec", step.text, cwd=folder)
        assert (said.code != 0) == step.fails, f"{step.text}\n{said.text}"
        assert step.told is None or says(said.text, step.told), f"{step.text}\n{said.text}\nis not\n{step.told}"
    settings = ["--ignore", "I001", "--line-length", "120"]
    workshop.succeeds("ruff", "check", *settings, cwd=folder)
    workshop.succeeds("ruff", "format", "--check", "--line-length", "120", cwd=folder)
    workshop.succeeds("mypy", "--strict", "--explicit-package-bases", "src", "tests", cwd=folder, MYPYPATH="src")


def test_every_block_is_a_step_or_what_one_says() -> None:
    found = list(steps())
    assert len(found) + sum(step.told is not None for step in found) == len(list(PAGE.all_blocks()))


def test_an_output_that_is_not_said_would_be_found() -> None:
    assert says("a\n41 passed in 3s\n", "…41 passed…")
    assert not says("a\n40 passed in 3s\n", "…41 passed…")
    assert not says("two\none\n", "one\ntwo")
