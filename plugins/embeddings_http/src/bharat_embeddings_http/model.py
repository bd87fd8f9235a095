"""`HttpModel`: asks a server for embeddings, batch by batch, each within its time."""

from __future__ import annotations

import hashlib
import logging
import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import urllib3

from bharat.contracts.vectors import EmbeddingsUnavailable, Purpose
from bharat_embeddings_http.answers import vectors_in

if TYPE_CHECKING:
    from bharat_embeddings_http import HttpOptions

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two tries: drawn evenly up to a bound that doubles (Brooker 2015)."""
_PASSING = frozenset({429, 500, 502, 503, 504})
_REFUSING = frozenset({400, 413, 422})
"""Said of what is sent: one text may be longer than the model reads, which is counted in the model's own tokens."""
_SHORTEST = 64
"""Characters of a text that is not halved once more."""
_CHUNK = 64 * 1024
_MAX_ANSWER = 256 * 1024 * 1024
_NOTHING = "-"
"""Sent for a text without any character that counts: servers refuse an empty one."""


class Refused(EmbeddingsUnavailable):
    """The server takes none of what was sent."""


class HttpModel:
    """See `bharat.contracts.vectors.Embeddings`. The server may be down while this is made."""

    enabled = True

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._url = f"{options.url.rstrip('/')}/embeddings"
        self.name = _name(options)
        self.dimension = options.dimension
        self.threshold = options.threshold
        self._prefixes = {"document": options.document_prefix, "query": options.query_prefix}
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if options.api_key is not None:
            self._headers["Authorization"] = f"Bearer {options.api_key}"
        self._pool = urllib3.PoolManager(num_pools=2, maxsize=options.pool_size, block=False, retries=False)
        self._resting_until = 0.0

    @property
    def resting(self) -> bool:
        """Whether the server did not answer a moment ago."""
        return time.monotonic() < self._resting_until

    def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> Sequence[Sequence[float]]:
        options, found = self._options, list[Sequence[float]]()
        seconds = options.timeout if purpose == "document" else options.query_timeout
        prefix = self._prefixes[purpose]
        for begin in range(0, len(texts), options.batch):
            batch = [prefix + self._plain(text) for text in texts[begin : begin + options.batch]]
            try:
                found += self._vectors(batch, seconds)
            except Refused:
                self._vectors([_NOTHING], seconds)  # it is not for the texts when this is refused too
                for text in batch:
                    found.append(self._vector(text, seconds))
        return found

    def close(self) -> None:
        self._pool.clear()

    def _vectors(self, texts: Sequence[str], seconds: float) -> Sequence[Sequence[float]]:
        raw = self._ask(self._body(texts), time.monotonic() + seconds)
        return vectors_in(raw, len(texts), self._options.dimension)

    def _vector(self, text: str, seconds: float) -> Sequence[float]:
        """That of one text, or of as much of its beginning as the model takes: no text may keep others out of the index."""
        while True:
            try:
                return self._vectors([text], seconds)[0]
            except Refused:
                log.warning("the embedding server refuses a text of %d characters; a shorter one is tried", len(text))
                text = text[: len(text) // 2].rstrip() if len(text) > _SHORTEST else _NOTHING

    def _plain(self, text: str) -> str:
        """What can be sent of a text: valid UTF-8, no U+0000, not too long."""
        cut = text[: self._options.max_characters].replace("\0", " ")
        return cut.encode("utf-8", "replace").decode() if cut.strip() else _NOTHING

    def _body(self, batch: Sequence[str]) -> bytes:
        body: dict[str, Any] = {"model": self._options.model, "input": batch, "encoding_format": "float"}
        if self._options.ask_dimension:
            body["dimensions"] = self._options.dimension
        return msgspec.json.encode(body)

    def _ask(self, body: bytes, deadline: float) -> bytes:
        """The answer to one request, which is tried again while it may help and there is time."""
        if self.resting:
            raise EmbeddingsUnavailable("The embedding server did not answer a moment ago and is not asked again yet.")
        bound = _FIRST_PAUSE
        while True:
            pause = bound * random.random()
            try:
                status, retry_after, raw = self._send(body, deadline)
            except urllib3.exceptions.HTTPError as error:
                # Its text holds the address alone, and goes to the log.
                log.info("the embedding server does not answer: %s", type(error).__name__)
                told = f"The embedding server does not answer ({type(error).__name__})."
            else:
                if status == 200:
                    return raw
                told = _told(status)
                if status in _REFUSING:
                    raise Refused(told)
                if status not in _PASSING:
                    raise EmbeddingsUnavailable(told)
                if retry_after is not None:
                    pause = max(pause, retry_after)
            if time.monotonic() + pause >= deadline:
                self._resting_until = time.monotonic() + self._options.rest
                raise EmbeddingsUnavailable(told)
            time.sleep(pause)  # before the next try
            bound = min(2 * bound, _LONGEST_PAUSE)

    def _send(self, body: bytes, deadline: float) -> tuple[int, float | None, bytes]:
        """Status, `Retry-After` in seconds, and body. Raises urllib3's `HTTPError` when there is none in time."""
        left = max(0.05, deadline - time.monotonic())
        answer = self._pool.request(
            "POST", self._url, body=body, headers=self._headers, timeout=urllib3.Timeout(total=left), redirect=False,
            preload_content=False,
        )  # fmt: skip
        try:
            raw = bytearray()
            # By pieces: each is waited for anew, and a server that sends one a second would never end.
            while piece := answer.read1(_CHUNK):
                raw += piece
                if time.monotonic() > deadline or len(raw) > _MAX_ANSWER:
                    raise urllib3.exceptions.ReadTimeoutError(self._pool, self._url, "the answer takes too long")  # type: ignore[arg-type]
        except BaseException:
            answer.close()  # what is left of the answer must not be taken for the next one
            raise
        answer.release_conn()
        return answer.status, _seconds(answer.headers.get("Retry-After")), bytes(raw)


def _name(options: HttpOptions) -> str:
    """The model, with what else decides its vectors; the dimension is told beside it."""
    prefixes = f"{options.document_prefix}\0{options.query_prefix}\0{options.max_characters}"
    plain = f"\0\0{options.max_characters}"
    if prefixes == plain:
        return options.model
    return f"{options.model}#{hashlib.sha256(prefixes.encode()).hexdigest()[:8]}"


def _told(status: int) -> str:
    """What is said of a status. The answer's own words may repeat the texts."""
    if status in (401, 403):
        return f"The embedding server refuses the key ({status}): see embeddings.http.api_key."
    if status == 404:
        return "The embedding server knows no such address or model (404): see embeddings.http.url and model."
    if 300 <= status < 400:
        return f"The embedding server sends elsewhere ({status}), which is not followed: see embeddings.http.url."
    return f"The embedding server answers {status}."


def _seconds(value: str | None) -> float | None:
    """`Retry-After` as a number of seconds (RFC 9110, 10.2.3); a date there is passed over."""
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None
