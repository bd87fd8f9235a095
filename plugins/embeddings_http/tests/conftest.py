"""A real HTTP server with a small model, in a process of its own."""

from __future__ import annotations

import base64
import json
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from typing import IO, Any, ClassVar

import pytest

from bharat_embeddings_http import HttpOptions
from bharat_embeddings_http.model import HttpModel
from bharat_local_servers import LocalServer, spawning

BuildModel = Callable[..., HttpModel]
KEY = "sk-a-key-that-nobody-is-to-read"


class ModelServer(LocalServer):
    name: ClassVar[str] = "model"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def fail(self, *faults: dict[str, Any]) -> None:
        """What goes wrong with the next requests, one after the other."""
        self._ask("PUT", "/faults", list(faults))

    def read_at_most(self, characters: int) -> None:
        """A request with a longer text is refused."""
        self._ask("PUT", "/context", characters)

    def requests(self) -> list[dict[str, Any]]:
        """What was asked since this was asked last."""
        found: list[dict[str, Any]] = self._ask("GET", "/requests")
        return found

    def _launch(self, log: IO[bytes]) -> Popen[bytes]:
        program = str(Path(__file__).with_name("model_server.py"))
        key = base64.b64encode(KEY.encode()).decode()
        return spawning.spawn(
            [sys.executable, program, str(self.port), key],
            cwd=self.folder,
            log=log,
            death_signal=self._death,
            drop=False,
        )

    def _ready(self) -> bool:
        try:
            return bool(self._ask("GET", "/pid")["pid"] == self._pid)
        except (OSError, ValueError, KeyError):
            return False

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method, data=data)
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def running_model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def model_server(running_model: ModelServer) -> ModelServer:
    """Running, in order, and asked for nothing yet."""
    running_model.start()
    running_model.fail()
    running_model.read_at_most(1_000_000)
    running_model.requests()
    return running_model


@pytest.fixture
def build_model(model_server: ModelServer) -> Iterator[BuildModel]:
    with ExitStack() as stack:

        def builder(**more: Any) -> HttpModel:
            options: dict[str, Any] = {
                "url": model_server.url, "model": "letter-pairs", "dimension": 96, "api_key": KEY, "timeout": 2.0,
                "query_timeout": 1.0, "rest": 0.2, **more,
            }  # fmt: skip
            built = HttpModel(HttpOptions(**options))
            stack.callback(built.close)
            return built

        yield builder
