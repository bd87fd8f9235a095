"""The embeddings provider `new_plugin`: what the plugin hands over to Bharat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from bharat import hookimpl
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat.contracts.vectors import Embeddings
from msgspec import Meta


class NewPluginOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[embeddings.new_plugin]`"""

    dimension: Annotated[int, Meta(ge=16, le=4096, description="how many numbers a vector has")] = 256


def _build(options: NewPluginOptions, platform: Platform) -> Embeddings:
    # Imported when the provider is chosen: a model costs nothing before.
    from bharat.cli.templates.embeddings.embeddings import NewPluginEmbeddings

    return NewPluginEmbeddings(options)


@hookimpl
def bharat_embeddings() -> Sequence[Provider[Embeddings, Any]]:
    return [
        Provider(
            "new_plugin",
            NewPluginOptions,
            _build,
            shared=True,  # it keeps nothing
            summary="Texts by the letters of their words",
        )
    ]
