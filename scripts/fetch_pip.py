"""Put pip into the environment of the Python that runs this, from PyPI: for a machine that has neither ensurepip nor pip.

The wheel's SHA-256 is compared with the one PyPI states for it, and the wheel then installs itself."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

INDEX = "https://pypi.org/simple/pip/"
ACCEPT = "application/vnd.pypi.simple.v1+json"  # PEP 691


def main() -> int:
    """The exit code; what went wrong is one line on stderr."""
    try:
        request = urllib.request.Request(INDEX, headers={"Accept": ACCEPT})
        with urllib.request.urlopen(request, timeout=60) as answer:
            files = json.load(answer)["files"]
        wheels = [file for file in files if file["filename"].endswith("-py3-none-any.whl") and not file.get("yanked")]
        newest = max(wheels, key=lambda file: _version(file["filename"]))
        with urllib.request.urlopen(newest["url"], timeout=60) as answer:
            content = answer.read()
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"pip can't be fetched from {INDEX}: {error}\n")
        return 1
    if hashlib.sha256(content).hexdigest() != newest["hashes"]["sha256"]:
        sys.stderr.write(f"{newest['url']} is not the file that PyPI describes; nothing was installed\n")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder, newest["filename"])
        wheel.write_bytes(content)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", str(wheel)]
        return subprocess.run(command, env={**os.environ, "PYTHONPATH": str(wheel)}, check=False).returncode


def _version(filename: str) -> tuple[int, ...]:
    """Of a final release; anything else sorts first."""
    numbers = filename.split("-")[1].split(".")
    return tuple(int(number) for number in numbers) if all(number.isdigit() for number in numbers) else ()


if __name__ == "__main__":
    sys.exit(main())
