"""The vector index in Qdrant: the providers `qdrant`, a server, and `qdrant_embedded`, its engine inside one process."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from bharat import hookimpl
from bharat.contracts.check import Finding
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat.contracts.vectors import Vectors

_PREFIX = re.compile(r"[a-z0-9_]{1,40}")


class QdrantOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the provider `qdrant`. Raises `ValueError` for an address or a prefix that can't be used."""

    url: Annotated[
        str,
        Meta(description="the Qdrant server's REST address", examples=["https://qdrant.example.com:6333"], extra={"env": ("QDRANT_URL",)}),
    ]  # fmt: skip
    api_key: Annotated[
        str | None, Meta(description="the key that the server asks for", examples=["a key of the server"], extra={"env": ("QDRANT_API_KEY",), "secret": True})
    ] = None  # fmt: skip
    prefix: Annotated[
        str, Meta(description="what the names of Bharat's collections begin with; each installation on a server needs its own")
    ] = "bharat"  # fmt: skip
    timeout: Annotated[int, Meta(ge=1, description="whole seconds to wait for an answer to a search")] = 2
    write_timeout: Annotated[int, Meta(ge=1, description="whole seconds to wait until a batch is written")] = 20
    batch: Annotated[int, Meta(ge=1, le=2000, description="points written by one request")] = 200
    pool_size: Annotated[int, Meta(ge=1, description="connections per process")] = 10
    rest: Annotated[
        float, Meta(gt=0, description="seconds for which a server that did not answer is not asked again")
    ] = 1.0  # fmt: skip

    def __post_init__(self) -> None:
        parts = urlsplit(str(self.url))
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError("url must be like https://qdrant.example.com:6333; the key is given as api_key")
        if not _PREFIX.fullmatch(self.prefix):
            raise ValueError("prefix must have 1 to 40 lower-case letters, digits and '_'")


class EmbeddedOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the provider `qdrant_embedded`."""

    folder: Annotated[
        str | None, Meta(description="Folder of the index; a relative one lies in the home folder. Default: <home>/vectors.", examples=["/var/lib/bharat/vectors"])
    ] = None  # fmt: skip

    def within(self, home: Path) -> Path:
        return home / (self.folder or "vectors")


@hookimpl
def bharat_vectors() -> Sequence[Provider[Vectors, Any]]:
    return [
        Provider("qdrant", QdrantOptions, _build_server, shared=True, summary="A vector index on a Qdrant server", check=_check),
        Provider(
            "qdrant_embedded", EmbeddedOptions, _build_embedded, shared=False,
            summary="A vector index in a folder, for one process", check=_check,
        ),
    ]  # fmt: skip


def _build_server(options: QdrantOptions, platform: Platform) -> Vectors:
    from bharat_vector_qdrant.server import QdrantVectors

    return QdrantVectors(options)


def _build_embedded(options: EmbeddedOptions, platform: Platform) -> Vectors:
    from bharat_vector_qdrant.embedded import EmbeddedVectors

    return EmbeddedVectors(options.within(platform.home))


def _check(vectors: Vectors, platform: Platform) -> Iterable[Finding]:
    from bharat_vector_qdrant.health import examine

    return [examine(vectors)]
