"""Which nginx this machine has, or can unpack from Debian's package without root."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from bharat_local_servers.debian import unpacked
from bharat_local_servers.errors import ServerUnavailable
from bharat_local_servers.programs import on_path, version

NGINX_VARIABLE = "BHARAT_TEST_NGINX"
"""Names the nginx program to use."""


@dataclass(frozen=True)
class NginxBinary:
    path: Path
    version: tuple[int, ...]
    environment: dict[str, str] = field(default_factory=dict)
    """What it needs to find its libraries."""
    mime_types: Path = Path("/etc/nginx/mime.types")
    """For `include` in a configuration; it may be missing where nginx was not installed from a package."""


def find_nginx(*, download: bool = True) -> NginxBinary:
    """The program in BHARAT_TEST_NGINX, else on PATH, else the Debian or Ubuntu package, unpacked into the user's cache.

    The package is downloaded (unless `download` is false) the first time only. Raises ServerUnavailable when there is
    none, or when the variable names a program that does not run.
    """
    if given := os.environ.get(NGINX_VARIABLE):
        found = version([given, "-v"])
        if not found:
            raise ServerUnavailable(f"{NGINX_VARIABLE} names {given}, which does not run as nginx; correct or unset it")
        return NginxBinary(Path(given), found)
    program = on_path("nginx")
    if program is not None and (found := version([str(program), "-v"])):
        return NginxBinary(program, found)
    try:
        root, environment = unpacked("nginx", "usr/sbin/nginx", download=download)
    except ServerUnavailable as reason:
        raise ServerUnavailable(
            f"no nginx: looked for {NGINX_VARIABLE}, for `nginx` on PATH and in /usr/sbin, and for the package nginx "
            f"({reason}). Install it with: apt-get install nginx"
        ) from reason
    program = root / "usr/sbin/nginx"
    found = version([str(program), "-v"], environment)
    if not found:
        raise ServerUnavailable(
            f"the nginx unpacked into {root} does not run on this machine; remove that folder to fetch it again, or "
            "install it with: apt-get install nginx"
        )
    return NginxBinary(program, found, environment, root / "etc/nginx/mime.types")
