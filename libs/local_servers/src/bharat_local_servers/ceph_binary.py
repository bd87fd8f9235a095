"""Which Ceph this machine has, or can unpack from Debian's packages without root."""

from dataclasses import dataclass, field
from pathlib import Path

from bharat_local_servers.debian import unpacked
from bharat_local_servers.errors import ServerUnavailable
from bharat_local_servers.programs import on_path, version

PROGRAMS = ("radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph-authtool", "monmaptool", "osdmaptool")


@dataclass(frozen=True)
class CephBinary:
    folder: Path
    """The folder of its programs."""
    version: tuple[int, ...]
    environment: dict[str, str] = field(default_factory=dict)
    """What they need to find their libraries."""
    libraries: Path | None = None
    """Where plugins lie that Ceph would look for in `/usr/lib`."""

    def program(self, name: str) -> str:
        return str(self.folder / name)


def find_ceph(*, download: bool = True) -> CephBinary:
    """The programs on PATH, else the Debian or Ubuntu packages (66 MB), unpacked into the user's cache.

    They are downloaded (unless `download` is false) the first time only. Raises ServerUnavailable when there are none.
    """
    installed = [on_path(name) for name in PROGRAMS]
    if (gateway := installed[0]) is not None and all(installed) and (found := version([str(gateway), "--version"])):
        return CephBinary(gateway.parent, found)
    try:
        root, _ = unpacked("radosgw", "usr/bin/radosgw", beside=("ceph-mon", "ceph-osd"), download=download)
    except ServerUnavailable as reason:
        raise ServerUnavailable(
            "no Ceph: looked for `radosgw`, `ceph-mon` and `ceph-osd` on PATH and for the packages of these names "
            f"({reason}). Install them with: apt-get install radosgw ceph-mon ceph-osd"
        ) from reason
    folders = sorted(path for base in ("lib", "usr/lib") for path in (root / base).glob("*-linux-*"))
    libraries = next(path for path in reversed(folders) if (path / "ceph").is_dir())
    environment = {"LD_LIBRARY_PATH": ":".join(map(str, [*folders, libraries / "ceph"]))}
    found = version([str(root / "usr/bin/radosgw"), "--version"], environment)
    if not found:
        raise ServerUnavailable(
            f"the Ceph unpacked into {root} does not run on this machine; remove that folder to fetch it again, or "
            "install it with: apt-get install radosgw ceph-mon ceph-osd"
        )
    return CephBinary(root / "usr/bin", found, environment, libraries)
