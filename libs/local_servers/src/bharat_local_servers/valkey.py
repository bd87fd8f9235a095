"""Valkey (or Redis) as a local process."""

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO, ClassVar, Self
from urllib.parse import quote

from bharat_local_servers import reach, spawning
from bharat_local_servers.server import LocalServer
from bharat_local_servers.valkey_binary import find_valkey

VALKEY_VARIABLE = "BHARAT_TEST_REDIS_URL"
"""Names a Redis or Valkey server to use instead of a local one; its data may be flushed by tests."""


class Valkey(LocalServer):
    """Valkey on loopback TCP, in memory unless `appendonly`; `appendonly` keeps the data over stop and kill.

    The default user has a `password`, random if none is given. `acl` holds further users in the words of ACL SETUSER
    (`"worker on >secret ~jobs:* +@all"`). `maxmemory` is a size such as "64mb"; `maxmemory_policy` applies beyond it.
    As root, it runs as the user `nobody`.
    """

    name: ClassVar[str] = "valkey"
    _stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int | None = None,
        appendonly: bool = False,
        maxmemory: str | None = None,
        maxmemory_policy: str = "noeviction",
        password: str | None = None,
        acl: Sequence[str] = (),
        binary: Path | None = None,
        die_with_parent: bool = True,
        seconds: float = 20,
    ) -> None:
        self.binary = binary or find_valkey()
        super().__init__(folder, port=port, die_with_parent=die_with_parent, seconds=seconds)
        self._password = self._secret("valkey.password", password)
        self._data = self.folder / "data"
        self._options = [
            ("port", str(self.port)),
            ("bind", "127.0.0.1"),
            ("requirepass", self._password),
            ("appendonly", "yes" if appendonly else "no"),
            ("save", ""),
            ("maxmemory-policy", maxmemory_policy),
            *([("maxmemory", maxmemory)] if maxmemory else []),
        ]
        self._acl = list(acl)

    @property
    def url(self) -> str:
        """`redis://:password@127.0.0.1:port/0` of the default user."""
        return f"redis://:{quote(self._password, safe='')}@127.0.0.1:{self.port}/0"

    def _prepare(self) -> None:
        reach.make_data_folder(self._data)

    def _launch(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        configuration = self.folder / "valkey.conf"
        with reach.open_folder(self._data) as (path, descriptors):
            lines = [f"{key} {_quoted(value)}" for key, value in (*self._options, ("dir", str(path)))]
            lines += [f"user {rule}" for rule in self._acl]
            self._write_private(configuration, "\n".join(lines) + "\n")
            # By standard input: the password stays out of the process list, and `nobody` need not read our folder.
            with configuration.open("rb") as stdin:
                return spawning.spawn(
                    [str(self.binary), "-"],
                    cwd=Path("/"),
                    log=log,
                    stdin=stdin,
                    pass_fds=descriptors,
                    death_signal=self._death,
                    drop=True,
                )

    def _ready(self) -> bool:
        """It answers to our password with our process id: not a stranger, and no longer loading its data."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(_command("AUTH", self._password) + _command("INFO") + _command("QUIT"))
                answer = b""
                while chunk := connection.recv(65536):
                    answer += chunk
        except OSError:
            return False
        lines = answer.split(b"\r\n")
        return f"process_id:{self._pid}".encode() in lines and b"loading:0" in lines


class ExternalValkey:
    """A Redis or Valkey that somebody else runs: it has a URL, but can't be stopped or killed."""

    controllable: ClassVar[bool] = False

    def __init__(self, url: str) -> None:
        self.url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end: the server is not ours."""


def open_valkey(*, appendonly: bool = False) -> Valkey | ExternalValkey:
    """For tests: the server in BHARAT_TEST_REDIS_URL, else a local one in a temporary folder, to be entered by `with`.

    Raises ServerUnavailable when there is neither.
    """
    if url := os.environ.get(VALKEY_VARIABLE):
        return ExternalValkey(url)
    return Valkey(appendonly=appendonly)


def _quoted(value: str) -> str:
    """A word of the configuration file; its quoting is that of the inline protocol."""
    if "\n" in value or "\r" in value:
        raise ValueError("a Valkey setting can't hold a line break")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _command(*words: str) -> bytes:
    """One command in the Redis protocol (RESP)."""
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        data = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)
