"""Reading the documentation: its pages, links, headings and blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.packaging.distributions import ROOT

_FENCE = re.compile(r"^(?P<fence>```+)(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=fence)\s*$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """A Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        return _FENCE.sub("", self.text)

    def blocks(self, language: str) -> list[str]:
        return [match["text"] for match in _FENCE.finditer(self.text) if match["language"] == language]

    def all_blocks(self) -> Iterator[str]:
        return (match["text"] for match in _FENCE.finditer(self.text))

    def inline_code(self) -> set[str]:
        return set(_INLINE.findall(self.prose))

    def links(self) -> list[str]:
        return _LINK.findall(self.prose)

    def anchors(self) -> set[str]:
        """As GitHub makes them of headings."""
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(self.prose)}


def pages() -> list[Page]:
    """Every page that the repository holds about itself."""
    folders = ("docs", "plugins", "libs", "tests/plugins", "deploy", "benchmarks")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.md")]
    return [Page(path) for path in sorted([*ROOT.glob("*.md"), *found]) if ".pytest_cache" not in path.parts]
