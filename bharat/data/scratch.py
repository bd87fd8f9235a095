"""Files without a name, for what is too large to hold while it is read twice."""

from __future__ import annotations

import os
import tempfile
from typing import Any

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the file there has no name that anybody could take before us


def scratch_file(mode: str = "w+b", **more: Any) -> Any:
    """A temporary file that is gone when it is closed. Where no folder can be written to, as on a server that has nothing but
    shared memory, it lies there. `mode` and the rest are those of `tempfile.TemporaryFile`."""
    return tempfile.TemporaryFile(mode, prefix="bharat-", dir=_folder(), **more)


def _folder() -> str | None:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        return SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
