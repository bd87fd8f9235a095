"""A browser as far as these tests need one: it keeps the session's cookie and can go to any server of a site."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from uuid import uuid4


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]
    """By lower-case names."""


@dataclass
class Browser:
    """`cookies` are sent wherever it goes: to a browser, all servers are the one address of the site."""

    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, url: str) -> Answer:
        return self._send("GET", url, None)

    def post(self, url: str, body: object = None, **headers: str) -> Answer:
        """Headers as keywords: `x_request_id="…"`."""
        return self._send("POST", url, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def delete(self, url: str) -> Answer:
        return self._send("DELETE", url, None)

    def upload(self, url: str, content: bytes, content_type: str = "application/octet-stream") -> Answer:
        """Send bytes as they are."""
        return self._send("POST", url, content, {"Content-Type": content_type})

    def download(self, url: str) -> bytes:
        """The bytes of an answer that is no JSON."""
        request = urllib.request.Request(url, headers=self._cookies())
        with urllib.request.urlopen(request, timeout=30) as answer:
            content: bytes = answer.read()
        return content

    def _cookies(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def _send(self, method: str, url: str, body: object, more: Mapping[str, str] | None = None) -> Answer:
        headers = {**(more or {}), **self._cookies()}
        data = body if isinstance(body, bytes) else None
        if method != "GET":
            headers |= {"Idempotency-Key": uuid4().hex}
        if body is not None and data is None:
            data = json.dumps(body).encode()
            headers |= {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return self._read(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return self._read(error.code, error.headers, error.read())

    def _read(self, status: int, headers: Any, content: bytes) -> Answer:
        for line in headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self.cookies.pop(name, None)
                if morsel.value and morsel["max-age"] != "0":
                    self.cookies[name] = morsel.value
        body = json.loads(content) if content else None
        return Answer(status, body, {name.lower(): value for name, value in headers.items()})
