"""Checks of the embedded providers that keep something on this machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bharat.config.addresses import of_loopback
from bharat.contracts.check import Finding, Status
from bharat.contracts.mail import Mail
from bharat.contracts.platform import Platform
from bharat.data.health import free_space

if TYPE_CHECKING:
    from bharat.local.folder import FolderStorage
    from bharat.local.mail import Outbox

_SENDS = "choose a provider that sends: mail.provider"


def examine_folder(storage: FolderStorage, platform: Platform) -> Iterator[Finding]:
    """The folder of files: may it be written, by us alone, and is there room?"""
    yield from _folder(storage.root, "files")


def examine_outbox(outbox: Outbox, platform: Platform) -> Iterator[Finding]:
    yield _nobody_receives(platform, f"mails are written to {outbox.folder}, and nobody receives them")
    if outbox.folder.exists():  # it is made with the first mail
        yield from _folder(outbox.folder, "mails")


def examine_console(console: Mail, platform: Platform) -> Sequence[Finding]:
    return [_nobody_receives(platform, "mails are printed by the worker, and nobody receives them")]


def _nobody_receives(platform: Platform, detail: str) -> Finding:
    """Fit for development, which is what an address of this machine alone tells."""
    if of_loopback(platform.public_url):
        return Finding(Status.OK, f"{detail}: fit for development", about="delivery")
    return Finding(Status.DEGRADED, detail, _SENDS, "delivery")


def _folder(folder: Path, what: str) -> Iterator[Finding]:
    try:
        mode = folder.stat().st_mode
        free = free_space(folder)
    except OSError as error:
        yield Finding(
            Status.FAILED, f"{folder} can't be looked into: {error.strerror}", "see that it is mounted", "folder"
        )
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(
            Status.FAILED,
            f"{folder} can't be written",
            "give it to the user that Bharat runs as, or mount it for writing",
            "folder",
        )
    elif mode & stat.S_IRWXO:
        yield Finding(
            Status.DEGRADED,
            f"every user of this machine may look into {folder}, where {what} lie",
            f"chmod o= {folder}",
            "folder",
        )
    else:
        yield Finding(Status.OK, f"{folder} can be written, and is closed to other users", about="folder")
    yield free
