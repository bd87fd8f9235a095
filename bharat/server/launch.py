"""Gunicorn, configured from `[server]`."""

from __future__ import annotations

import argparse
import logging
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg.waiting
from gunicorn.app.base import BaseApplication
from gunicorn.errors import AppImportError

from bharat.app import Bharat, load_plugins
from bharat.config import Config, load
from bharat.contracts.errors import BharatError
from bharat.server.deadline import Deadline
from bharat.server.logs import configure
from bharat.server.worker import DrainingWorker
from bharat.work.service import Worker

log = logging.getLogger("bharat.server")

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - for gunicorn, which makes its file there safely

HEARTBEAT = 60
"""Seconds after which a worker whose loop stands still is killed. A request that waits does not stop the loop."""

GRACE = 30
"""Seconds that requests in flight have to finish after SIGTERM."""

IDLE = 20
"""Seconds that a connection may be without a request, or need for a request's head. A proxy in front must give up its idle
connections before, or it sends a request where nobody listens any more."""

CONNECTIONS = 8000
"""Most connections at once. An idle one costs some 30 KB; beyond this number nobody is answered until one ends."""

_OTHER_FILES = 200
"""Descriptors that are not for callers: database, files, stores, the loop's own."""


def address(host: str, port: int) -> str:
    """Where to listen, as gunicorn reads it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def connections() -> int:
    """As many connections as this process may have, up to `CONNECTIONS`; its limit of descriptors is raised for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(CONNECTIONS, soft - _OTHER_FILES))


class Server(BaseApplication):
    """One listener, one gevent worker: Socket.IO's long-polling can be pinned to it, and more capacity is more of them."""

    def __init__(self, config: Config, *, bind: Sequence[str]) -> None:
        self._config = config
        self._bind = list(bind) or [address(config.server.host, config.server.port)]
        self._app: Bharat | None = None
        self._worker: Worker | None = None
        super().__init__()

    def load_config(self) -> None:
        settings: dict[str, Any] = {
            "bind": self._bind,
            "worker_class": DrainingWorker,
            "workers": 1,
            "worker_connections": connections(),
            "timeout": HEARTBEAT,
            "graceful_timeout": GRACE,
            "keepalive": IDLE,
            # By default a peer on this machine, a proxy or not, could say under which path Bharat is mounted.
            "forwarder_headers": "",
            # The control socket lies in the home directory, where two masters steal it from each other.
            "control_socket_disable": True,
            # The heartbeat file must not touch a disk, which may be full, slow or read-only.
            "worker_tmp_dir": SHARED_MEMORY if Path(SHARED_MEMORY).is_dir() else None,
            "proc_name": "bharat",
            "limit_request_line": 8190,
            "post_worker_init": lambda worker: self._start(),
            "worker_exit": lambda arbiter, worker: self._stop(),
            "accesslog": None,
            "loglevel": "warning",
        }
        for name, value in settings.items():
            if value is not None:
                self.cfg.set(name, value)

    def load(self) -> Any:  # gunicorn's own annotation is narrower than what it takes
        """Runs in the worker, after the fork."""
        if psycopg.waiting.wait is psycopg.waiting.wait_c:
            raise RuntimeError("psycopg was imported before the monkey-patching and would block every greenlet")
        configure(self._config.log)
        try:
            self._app = Bharat(self._config, load_plugins(self._config))
            return Deadline(self._app.wsgi(), self._config.server.request_timeout)
        except BharatError as error:
            # Gunicorn says the text of this one, without a traceback, and ends.
            raise AppImportError(f"bharat: error: {error}") from error

    def _start(self) -> None:
        assert self._app is not None
        if self._app.plugins.worker_in_process:
            self._worker = Worker(self._app)
            self._worker.start_when_ready(self._app.readiness.reasons)

    def drain(self) -> None:
        """From now on `/readyz` says no, so that a balancer that asks on a connection it has looks elsewhere."""
        if self._app is not None:
            self._app.readiness.draining = True

    def _stop(self) -> None:
        worker, self._worker = self._worker, None
        app, self._app = self._app, None
        if worker is not None:
            worker.stop()
        if app is not None:
            app.close()


def serve(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; the exit code, 2 for a wrong configuration. Arguments: `--config FILE`, `--bind ADDRESS`
    (repeatable)."""
    parser = argparse.ArgumentParser(prog="python -m bharat.server")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--bind", action="append", default=[])
    options = parser.parse_args(arguments)
    try:
        config = load(options.config, os.environ)
    except BharatError as error:
        sys.stderr.write(f"bharat: error: {error}\n")
        return 2
    configure(config.log)
    Server(config, bind=options.bind).run()
    return 0
