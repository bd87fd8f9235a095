"""Sentence models over HTTP: the provider `http` of the capability `embeddings`, for whatever speaks OpenAI's `/v1/embeddings`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from bharat import hookimpl
from bharat.contracts.check import Finding
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat.contracts.vectors import Embeddings

if TYPE_CHECKING:
    from bharat_embeddings_http.model import HttpModel

Seconds = Annotated[float, Meta(gt=0)]


class HttpOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the provider `http`. Raises `ValueError` for an address that can't be used."""

    url: Annotated[
        str,
        Meta(description="where the API begins; /embeddings is added to it", examples=["https://api.openai.com/v1"]),
    ]
    model: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=100,
            description="the model's name, as the server knows it",
            examples=["text-embedding-3-small"],
        ),
    ]
    dimension: Annotated[int, Meta(ge=1, le=16_384, description="how many numbers its vectors have", examples=[1536])]
    api_key: Annotated[
        str | None,
        Meta(
            description="sent as a bearer token, if the server asks for one",
            examples=["sk-..."],
            extra={"secret": True},
        ),
    ] = None
    ask_dimension: Annotated[
        bool, Meta(description="ask for vectors of that dimension: for models that can shorten theirs")
    ] = False
    document_prefix: Annotated[
        str,
        Meta(
            max_length=200,
            description="what such a model wants before texts that are to be found",
            examples=["passage: "],
        ),
    ] = ""
    query_prefix: Annotated[
        str,
        Meta(
            max_length=200, description="what such a model wants before texts that are looked for", examples=["query: "]
        ),
    ] = ""
    threshold: Annotated[
        float, Meta(ge=-1, lt=1, description="the cosine similarity from which on two texts have to do with each other")
    ] = 0.4
    batch: Annotated[int, Meta(ge=1, le=2048, description="texts sent in one request")] = 32
    max_characters: Annotated[int, Meta(ge=1, description="of a text; the rest is not sent")] = 8000
    timeout: Annotated[Seconds, Meta(description="seconds until a batch is embedded, with all tries")] = 30.0
    query_timeout: Annotated[Seconds, Meta(description="seconds until what a search looks for is embedded")] = 2.0
    pool_size: Annotated[int, Meta(ge=1, description="connections per process")] = 10
    rest: Annotated[Seconds, Meta(description="seconds for which a server that did not answer is not asked again")] = (
        2.0
    )

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.username
            or parts.query
            or parts.fragment
        ):
            raise ValueError("url must be like https://api.openai.com/v1; the key is given as api_key")
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ValueError("api_key holds what no key does: a line break, or a letter outside of ASCII")


@hookimpl
def bharat_embeddings() -> Sequence[Provider[Embeddings, Any]]:
    summary = "A sentence model over HTTP: OpenAI, text-embeddings-inference, Ollama, vLLM"
    return [Provider("http", HttpOptions, _build, shared=True, summary=summary, check=_check)]


def _build(options: HttpOptions, platform: Platform) -> Embeddings:
    from bharat_embeddings_http.model import HttpModel

    return HttpModel(options)


def _check(embeddings: HttpModel, platform: Platform) -> Iterable[Finding]:
    from bharat_embeddings_http.health import examine

    return [examine(embeddings)]
