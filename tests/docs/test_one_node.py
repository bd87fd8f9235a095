"""The page on running one node: what it says of backing up is done, word for word, on a home with data."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "one-node.md"


def commands(heading: str, beginning: str) -> str:
    """The lines of a section's blocks of shell commands from the first that begins so, without those of root."""
    section = PAGE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    block = next(each for each in blocks if any(line.startswith(beginning) for line in each.splitlines()))
    return "".join(line + "\n" for line in block.splitlines() if not line.startswith("sudo "))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Where the page's absolute folders lie."""
    for each in ("srv/crm", "backup"):
        (tmp_path / each).mkdir(parents=True)
    return tmp_path


def run(here: Path, script: str) -> str:
    moved = re.sub(r"/(srv|backup)/", rf"{here}/\1/", script).replace("bharat --", f"{sys.executable} -m bharat --")
    done = subprocess.run(["sh", "-ec", moved], cwd=here, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_was_backed_up_is_restored(here: Path) -> None:
    home = here / "srv" / "crm"
    (home / "bharat.toml").write_text(f'home = "{home}"\nplugins = ["crm"]\n')
    configured = "bharat --config /srv/crm/bharat.toml"
    run(here, f"{configured} migrate && {configured} org create 'Kaveri Traders' && {configured} user create Asha")
    kept = run(here, f"{configured} user list --json")
    key = (home / "secret.key").read_bytes()
    run(here, commands("Back up and restore", "tar --create"))
    subprocess.run(["rm", "-r", str(home)], check=True)
    run(here, commands("Back up and restore", "mkdir"))
    assert run(here, f"{configured} user list --json") == kept
    assert (home / "secret.key").read_bytes() == key
