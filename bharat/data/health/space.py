"""Whether there is room on a disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from bharat.contracts.check import Finding, Status

LITTLE = 1024**3
TOO_LITTLE = 100 * 1024**2


def free_space(folder: Path) -> Finding:
    """A finding about `space`: how much is free where `folder` lies. Raises `OSError` when it can't be asked."""
    free = shutil.disk_usage(folder).free
    detail = f"{_shown(free)} are free in {folder}"
    if free >= LITTLE:
        return Finding(Status.OK, detail, about="space")
    status = Status.FAILED if free < TOO_LITTLE else Status.DEGRADED
    return Finding(status, detail, "make room, or move it to a larger disk", "space")


def _shown(size: int) -> str:
    return f"{size / 1024**3:.1f} GB" if size >= 1024**3 else f"{size / 1024**2:.0f} MB"
