"""Serve a WSGI application under gunicorn with the settings of `bharat.server.launch`: MODULE PORT."""

from gevent import monkey

monkey.patch_all()

import importlib  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from gunicorn.app.base import BaseApplication  # noqa: E402


class Server(BaseApplication):
    def __init__(self, module: str, port: str) -> None:
        self._module = module
        self._port = port
        super().__init__()

    def load_config(self) -> None:
        settings: dict[str, Any] = {
            "bind": [f"127.0.0.1:{self._port}"],
            "worker_class": "gevent",
            "workers": 1,
            "worker_connections": 1000,
            "timeout": 60,
            "graceful_timeout": 30,
            "keepalive": 75,
            "control_socket_disable": True,
            "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,
            "limit_request_line": 8190,
            "loglevel": "warning",
        }
        for name, value in settings.items():
            if value is not None:
                self.cfg.set(name, value)

    def load(self) -> Any:
        """Runs in the worker, after the fork."""
        return importlib.import_module(self._module).application


if __name__ == "__main__":
    Server(*sys.argv[1:]).run()
