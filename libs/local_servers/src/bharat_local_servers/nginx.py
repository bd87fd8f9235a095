"""nginx as a local process, with a configuration that its caller rendered."""

import re
import signal
import socket
import subprocess
from pathlib import Path
from typing import IO, ClassVar

from bharat_local_servers import ports, processes, spawning
from bharat_local_servers.errors import ServerFailed
from bharat_local_servers.nginx_binary import NginxBinary, find_nginx
from bharat_local_servers.server import LocalServer

TEMP_PATHS = """\
client_body_temp_path temp/client_body;
proxy_temp_path temp/proxy;
fastcgi_temp_path temp/fastcgi;
uwsgi_temp_path temp/uwsgi;
scgi_temp_path temp/scgi;
"""
"""For the `http` block of every configuration: without root the compiled-in folders can't be written. The paths are
relative to the server's `folder`."""


class Nginx(LocalServer):
    """nginx with the rendered `configuration` file, which must listen on `port` of 127.0.0.1.

    The file is passed as it stands and stays the caller's: rewrite it and call `reload()`. It holds `TEMP_PATHS`, and
    no `daemon` directive; `pid` and `error_log` may be left out. Relative paths in it start at `folder`. As root, the
    workers run as the user that the file's `user` directive names, else as `nobody`.
    """

    name: ClassVar[str] = "nginx"
    _stop_signal: ClassVar[signal.Signals] = signal.SIGTERM  # fast; SIGQUIT would wait for open WebSockets
    _death_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(
        self,
        configuration: Path,
        folder: Path | None = None,
        *,
        port: int | None = None,
        scheme: str = "http",
        binary: NginxBinary | None = None,
        die_with_parent: bool = True,
        seconds: float = 20,
    ) -> None:
        self.binary = binary or find_nginx()
        super().__init__(folder, port=port, die_with_parent=die_with_parent, seconds=seconds)
        self.configuration = configuration.absolute()
        self._scheme = scheme

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def check(self) -> None:
        """Have nginx read the configuration. Raises ServerFailed with what `nginx -t` says."""
        (self.folder / "temp").mkdir(mode=0o711, exist_ok=True)
        done = subprocess.run(
            [*self._argv(), "-t"],
            env=spawning.environment(self.binary.environment),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=self.seconds,
        )
        if done.returncode != 0:
            raise ServerFailed(f"nginx refuses {self.configuration}:\n{done.stdout.strip()}")

    def reload(self) -> None:
        """Check the configuration and take it over without dropping requests; returns when new workers serve.

        Raises ServerFailed when it is refused; the old one then goes on serving.
        """
        master = self.pid
        self.check()
        before = set(processes.descendants(master))
        processes.send([master], signal.SIGHUP)
        if not processes.poll(lambda: bool(set(processes.descendants(master)) - before), self.seconds):
            raise self._failure("nginx did not take the new configuration over")

    def _prepare(self) -> None:
        self.check()

    def _argv(self) -> list[str]:
        text = self.configuration.read_text()
        if _sets(text, "daemon"):
            raise ServerFailed(
                f"{self.configuration} sets `daemon`; remove it, since nginx must stay in the foreground"
            )
        directives = ["daemon off;"]
        if not _sets(text, "pid"):
            directives.append(f'pid "{self.folder}/nginx.pid";')
        if not _sets(text, "error_log"):
            directives.append(f'error_log "{self.log_path}";')
        argv = [str(self.binary.path), "-p", f"{self.folder}/", "-c", str(self.configuration)]
        if self.binary.version >= (1, 19, 5):  # older ones only complain about the compiled-in log and go on
            argv += ["-e", str(self.log_path)]
        return [*argv, "-g", " ".join(directives)]

    def _launch(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        return spawning.spawn(
            self._argv(),
            cwd=self.folder,
            log=log,
            extra_environment=self.binary.environment,
            death_signal=self._death,
            drop=False,
        )

    def _ready(self) -> bool:
        """Connections are taken, and the socket that takes them is ours."""
        pid = self._pid
        if pid is None or not ports.listens(pid, self.port):
            return False
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


def _sets(text: str, directive: str) -> bool:
    """Whether the main block sets it. A block's own `error_log` is indented in any sane file, and does no harm here."""
    return re.search(rf"^{directive}\s", text, re.MULTILINE) is not None
