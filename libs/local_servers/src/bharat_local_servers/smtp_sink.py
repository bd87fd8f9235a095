"""A mail server that keeps every mail it takes."""

import importlib.util
import json
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from bharat_local_servers import spawning
from bharat_local_servers.certificates import Certificate
from bharat_local_servers.errors import ServerUnavailable
from bharat_local_servers.server import LocalServer


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """A mail as the sink took it. `options` are those of MAIL FROM; `connection` tells connections apart; `user` is who had
    logged in, or empty."""

    sender: str
    recipients: tuple[str, ...]
    options: tuple[str, ...]
    connection: str
    tls: bool
    user: str
    content: bytes


class SmtpSink(LocalServer):
    """aiosmtpd in a process of its own; it delivers nothing to anybody. With `user` it takes mail only after a login.

    `tls` is `"starttls"`, `"implicit"` or `"none"`; the first two need a `certificate`. Mails stay over a restart."""

    name = "smtp-sink"

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int | None = None,
        tls: Literal["starttls", "implicit", "none"] = "none",
        certificate: Certificate | None = None,
        user: str = "",
        password: str = "",
        smtputf8: bool = True,
    ) -> None:
        if importlib.util.find_spec("aiosmtpd") is None:
            raise ServerUnavailable(
                "aiosmtpd, the mail server of tests, is not installed. "
                "Install it with: pip install 'bharat-local-servers[smtp]'"
            )
        if (tls != "none") != (certificate is not None):
            raise ValueError("a certificate is for TLS, and TLS needs one")
        super().__init__(folder, port=port)
        self._tls = tls
        self._settings = {
            "port": self.port,
            "folder": str(self.folder / "mails"),
            "tls": tls,
            "certificate": str(certificate.server) if certificate else "",
            "user": user,
            "password": password,
            "smtputf8": smtputf8,
        }

    @property
    def url(self) -> str:
        """`smtp://127.0.0.1:port`, or `smtps://` where TLS begins at once."""
        return f"{'smtps' if self._tls == 'implicit' else 'smtp'}://127.0.0.1:{self.port}"

    def mails(self) -> Sequence[ReceivedMail]:
        """Every mail taken so far, in order."""
        found = []
        for path in sorted((self.folder / "mails").glob("*.json")):
            envelope = json.loads(path.read_text())
            content = path.with_suffix(".eml").read_bytes()
            for name in ("recipients", "options"):
                envelope[name] = tuple(envelope[name])
            found.append(ReceivedMail(**envelope, content=content))
        return found

    def clear(self) -> None:
        """Forget what was taken."""
        shutil.rmtree(self.folder / "mails", ignore_errors=True)
        self._prepare()

    def _prepare(self) -> None:
        (self.folder / "mails").mkdir(exist_ok=True)

    def _launch(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        settings = self.folder / "settings.json"
        # By standard input: the password stays out of the process list.
        self._write_private(settings, json.dumps(self._settings))
        with settings.open("rb") as stdin:
            return spawning.spawn(
                [sys.executable, "-m", "bharat_local_servers.smtp_program"],
                cwd=self.folder,
                log=log,
                stdin=stdin,
                death_signal=self._death,
                drop=False,
            )

    def _ready(self) -> bool:
        """Its greeting holds our process id: it is not a stranger."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as plain:
                if self._tls == "implicit":
                    context = ssl.create_default_context()
                    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                    with context.wrap_socket(plain) as connection:
                        greeting = connection.recv(200)
                else:
                    greeting = plain.recv(200)
        except OSError:
            return False
        return greeting.endswith(b"sink %d\r\n" % (self._pid or 0))
