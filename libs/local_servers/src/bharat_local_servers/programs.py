"""Find programs: on PATH, in the folders Debian keeps out of a plain user's PATH, and in installed wheels."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def on_path(*names: str) -> Path | None:
    """The first of `names` found on PATH or in a system folder."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS])
    for name in names:
        if found := shutil.which(name, path=search):
            return Path(found)
    return None


def wheel_folder(module: str) -> Path | None:
    """Where an installed package lies; it is not imported, since importing may start or configure things."""
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def version(argv: list[str], environment: Mapping[str, str] | None = None) -> tuple[int, ...]:
    """The first number with a dot that the program prints, (15, 13) say; () when it doesn't run or prints none."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            env=None if environment is None else {**os.environ, **environment},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    match = re.search(r"(\d+(?:\.\d+)+)", done.stdout) if done.returncode == 0 else None
    return tuple(int(part) for part in match[1].split(".")) if match else ()
