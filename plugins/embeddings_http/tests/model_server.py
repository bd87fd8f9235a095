"""A server that speaks `/v1/embeddings`, as a process: `model_server.py PORT KEY`. Its model counts pairs of letters.

`PUT /context` takes the most characters of a text; a request with a longer one is refused whole, as vLLM and OpenAI do.
Faults are told to it: `PUT /faults` takes a list, each for one request: {"status", "headers", "body", "delay", "trickle", "drop"}.
`GET /requests` gives what was asked since the last time it was asked for that."""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

DIMENSION = 96


def vector(text: str, dimension: int) -> list[float]:
    counts = [0.0] * dimension
    counts[0] = 0.01
    folded = text[:8000].casefold()
    for at in range(len(folded) - 1):
        counts[zlib.crc32(folded[at : at + 2].encode("utf-8", "replace")) % dimension] += 1
    return counts  # not of unit length: some models' are not


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    key = ""
    context: ClassVar[list[int]] = [1_000_000]
    faults: ClassVar[list[dict[str, Any]]] = []
    requests: ClassVar[list[dict[str, Any]]] = []
    lock = threading.Lock()

    def do_GET(self) -> None:
        if self.path == "/pid":
            return self._send(200, {"pid": os.getpid()})
        with self.lock:
            told, self.requests[:] = list(self.requests), []
        return self._send(200, told)

    def do_PUT(self) -> None:
        told = json.loads(self._body())
        with self.lock:
            if self.path == "/context":
                self.context[:] = [told]
            else:
                self.faults[:] = told
        self._send(200, {})

    def do_POST(self) -> None:
        raw = self._body()
        asked = json.loads(raw)
        with self.lock:
            self.requests.append({"path": self.path, "headers": dict(self.headers), "body": asked})
            fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            time.sleep(fault.get("delay", 0))  # the fault is to be slow
            if fault.get("drop"):
                self.close_connection = True
                return None
            if "trickle" in fault:
                return self._trickle(fault["trickle"])
            if "status" in fault:
                return self._send(
                    fault["status"],
                    fault.get("body", {"error": {"message": f"not now: {asked['input']}"}}),
                    fault.get("headers"),
                )
        if self.headers.get("Authorization") != f"Bearer {self.key}":
            return self._send(
                401, {"error": {"message": f"Incorrect API key provided: {self.headers.get('Authorization')}"}}
            )
        if self.path != "/v1/embeddings":
            return self._send(404, {"error": {"message": "no such path"}})
        if not asked["input"] or any(not text for text in asked["input"]):
            return self._send(400, {"error": {"message": "'$.input' is invalid"}})
        if any(len(text) > self.context[0] for text in asked["input"]):
            return self._send(400, {"error": {"message": "This model's maximum context length is exceeded"}})
        dimension = asked.get("dimensions", DIMENSION)
        data = [
            {"object": "embedding", "index": number, "embedding": vector(text, dimension)}
            for number, text in enumerate(asked["input"])
        ]
        return self._send(
            200, {"object": "list", "data": data[::-1], "model": asked["model"], "usage": {"prompt_tokens": 1}}
        )

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _trickle(self, seconds: float) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.05)  # the fault is to send little, for long
        self.close_connection = True

    def _send(self, status: int, told: Any, headers: dict[str, str] | None = None) -> None:
        body = told.encode() if isinstance(told, str) else json.dumps(told).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return None


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        return None


if __name__ == "__main__":
    Handler.key = base64.b64decode(sys.argv[2]).decode()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever(poll_interval=0.05)
