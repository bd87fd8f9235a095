"""Run a command that can write nowhere: every file system is read-only to it but those that are named, and it is not root.

`python confine.py /dev/shm:/another -- command …`. The mounts are those of a namespace of its own (user_namespaces(7), mount_namespaces(7)). It is
an error when one of them can't be made read-only. What remains are the files that the command is started with, and devices."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

NOBODY = 65534
"""Who the command is, inside."""
_NEW_USERS_AND_MOUNTS = 0x10000000 | 0x00020000
_READ_ONLY_AGAIN = 1 | 32 | 4096  # MS_RDONLY, MS_REMOUNT, MS_BIND
_FLAGS = {
    "nosuid": 2, "nodev": 4, "noexec": 8, "nosymfollow": 256, "noatime": 1024, "nodiratime": 2048, "relatime": 1 << 21,
}  # fmt: skip
"""A namespace of fewer rights may add to a mount's flags, and take none away."""
_NO_NEW_PRIVILEGES, _SIGNAL_AT_PARENTS_DEATH = 38, 1


class Mount(NamedTuple):
    id: str
    parent: str
    point: str
    options: frozenset[str]


def mounts(process: int | str = "self") -> list[Mount]:
    """What `/proc/…/mountinfo` says (proc_pid_mountinfo(5))."""
    found = []
    for line in Path(f"/proc/{process}/mountinfo").read_text().splitlines():
        id, parent, _, _, point, options, *_ = line.split(" ")
        found.append(Mount(id, parent, point.encode().decode("unicode_escape"), frozenset(options.split(","))))
    return found


def reachable(process: int | str = "self") -> list[Mount]:
    """Without those that another mount hides as a whole."""
    found = mounts(process)
    hidden = {
        mount.parent for mount in found if (mount.parent, mount.point) in {(each.id, each.point) for each in found}
    }
    return [mount for mount in found if mount.id not in hidden]


def confine(writable: Sequence[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name: str, *arguments: object) -> None:
        if getattr(libc, name)(*arguments) != 0:
            raise OSError(ctypes.get_errno(), f"{os.strerror(ctypes.get_errno())}: {name}{arguments}")

    user, group = os.geteuid(), os.getegid()
    call("unshare", _NEW_USERS_AND_MOUNTS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")
    for mount in reachable():
        if mount.point not in writable and "ro" not in mount.options:
            flags = sum(flag for option, flag in _FLAGS.items() if option in mount.options)
            call("mount", None, os.fsencode(mount.point), None, ctypes.c_ulong(_READ_ONLY_AGAIN | flags), None)
    # What was asked for before does not survive the new user namespace; the capabilities there end with the next program.
    call("prctl", _SIGNAL_AT_PARENTS_DEATH, signal.SIGTERM, 0, 0, 0)
    call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)


if __name__ == "__main__":
    _, spared, _, *words = sys.argv
    confine(spared.split(":"))
    os.execvp(words[0], words)
