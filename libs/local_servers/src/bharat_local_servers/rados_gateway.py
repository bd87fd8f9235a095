"""An S3 server as a local process: Ceph's RADOS gateway, which is also what DigitalOcean Spaces runs."""

import http.client
import shutil
import signal
import subprocess
from pathlib import Path
from typing import IO, ClassVar

from bharat_local_servers import ports
from bharat_local_servers.ceph_binary import CephBinary, find_ceph
from bharat_local_servers.ceph_store import CephDaemon, Monitor, ObjectDaemon, configuration


class RadosGateway(CephDaemon):
    """S3 over plain HTTP at `url`, for the user with `access_key` and `secret_key`; buckets are addressed by path.

    `stop`, `kill`, `pause` and `start` act on the gateway, which keeps nothing itself: the store behind it goes on, in
    memory, and loses nothing. `close` ends both, and nothing is left. Ready about 1.5 s after `start`; 180 MB of memory and what is stored.
    """

    name: ClassVar[str] = "radosgw"
    access_key: ClassVar[str] = "local"
    _stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int | None = None,
        binary: CephBinary | None = None,
        seconds: float = 60,
    ) -> None:
        super().__init__(folder, binary or find_ceph(), port=port, seconds=seconds)
        self.secret_key = self._secret("s3.secret")
        self._store: tuple[Monitor, ObjectDaemon] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_user(self, access_key: str, secret_key: str) -> None:
        """A further user, who owns nothing yet."""
        self.run(
            *("radosgw-admin", "user", "create", f"--uid={access_key}", f"--display-name={access_key}"),
            *(f"--access-key={access_key}", f"--secret-key={secret_key}"),
        )

    def close(self) -> None:
        self.stop()
        for daemon in reversed(self._store or ()):
            daemon.close()
        self._store = None
        super().close()

    def _prepare(self) -> None:
        if self._store is not None:
            return
        for name in ("mon", "osd"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        monitor = Monitor(self.folder / "mon", self.binary, configuration=self.configuration, seconds=self.seconds)
        daemon = ObjectDaemon(self.folder / "osd", self.binary, configuration=self.configuration, seconds=self.seconds)
        self._store = monitor, daemon
        self._write_private(self.configuration, configuration(self.folder, monitor, daemon, self.port))
        monitor.start()
        daemon.start()
        self.add_user(self.access_key, self.secret_key)

    def _launch(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        return self._spawn(log, "radosgw", "-f", "-n", "client.admin")

    def _ready(self) -> bool:
        if not ports.listens(self.pid, self.port):
            return False
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status < 500
        except OSError:
            return False
        finally:
            connection.close()
