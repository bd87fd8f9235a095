"""The distributions of this repository, as the folders say."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Distribution:
    """A folder with a `setup.cfg`. `sources` is the folder that its packages lie in."""

    folder: Path

    @property
    def place(self) -> str:
        """As requirements files write it: `./plugins/crm`, or `.`."""
        relative = self.folder.relative_to(ROOT).as_posix()
        return "." if relative == "." else f"./{relative}"

    @property
    def setup(self) -> configparser.ConfigParser:
        parser = configparser.ConfigParser()
        parser.read(self.folder / "setup.cfg", encoding="utf-8")
        return parser

    @property
    def name(self) -> str:
        return self.setup["metadata"]["name"]

    @property
    def requires(self) -> list[str]:
        return self.setup["options"].get("install_requires", "").split("\n")[1:]

    @property
    def sources(self) -> Path:
        return ROOT if self.folder == ROOT else self.folder / "src"

    @property
    def packages(self) -> list[Path]:
        if self.folder == ROOT:
            return [ROOT / "bharat"]
        return sorted(path.parent for path in self.sources.glob("*/__init__.py"))


CORE = Distribution(ROOT)
SAMPLE = Distribution(ROOT / "tests" / "plugins" / "sample")
LIBRARIES = [Distribution(path.parent) for path in sorted(ROOT.glob("libs/*/setup.cfg"))]
PLUGINS = [Distribution(path.parent) for path in sorted(ROOT.glob("plugins/*/setup.cfg"))]
ALL = [CORE, *LIBRARIES, *PLUGINS, SAMPLE]
