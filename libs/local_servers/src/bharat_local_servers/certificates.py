"""Certificates for servers that speak TLS on the loopback, made when they are needed."""

import shutil
import subprocess
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from bharat_local_servers.errors import ServerUnavailable


@dataclass(frozen=True, slots=True)
class Certificate:
    """`server` is a PEM file with the private key and the certificate, as a server loads it; `authority` the one with the
    certificate that clients have to trust."""

    server: Path
    authority: Path


def make_certificate(folder: Path, *hosts: str) -> Certificate:
    """A certificate of its own authority for these names and addresses (`localhost` when none is given), good for two days.

    The files lie in `folder`. Raises ServerUnavailable when openssl is missing."""
    if shutil.which("openssl") is None:
        raise ServerUnavailable(
            "openssl, which makes certificates, was looked for on PATH. Install it with: apt-get install openssl"
        )
    folder.mkdir(parents=True, exist_ok=True)
    server, authority = folder / "server.pem", folder / "ca.pem"
    names = ",".join(f"{_kind(host)}:{host}" for host in hosts or ("localhost",))
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=local server"]
    command += ["-addext", f"subjectAltName={names}", "-keyout", str(server), "-out", str(authority)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with server.open("a") as file:
        file.write(authority.read_text())
    return Certificate(server, authority)


def _kind(host: str) -> str:
    try:
        ip_address(host)
    except ValueError:
        return "DNS"
    return "IP"
