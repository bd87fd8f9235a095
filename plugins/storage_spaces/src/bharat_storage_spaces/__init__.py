"""Files in DigitalOcean Spaces or another S3: the provider `spaces` of the capability `storage`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bharat import hookimpl
from bharat.contracts.check import Finding
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat.contracts.storage import Storage
from bharat_storage_spaces.options import SpacesOptions

if TYPE_CHECKING:
    import click

    from bharat_storage_spaces.storage import SpacesStorage

__all__ = ["SpacesOptions", "bharat_commands", "bharat_storage"]


@hookimpl
def bharat_storage() -> Sequence[Provider[Storage, Any]]:
    summary = "Files in DigitalOcean Spaces or another S3"
    return [Provider("spaces", SpacesOptions, _build, shared=True, summary=summary, check=_check)]


@hookimpl
def bharat_commands() -> Sequence[click.Command]:
    from bharat_storage_spaces.commands import spaces

    return [spaces]


def _build(options: SpacesOptions, platform: Platform) -> Storage:
    from bharat_storage_spaces.storage import SpacesStorage

    return SpacesStorage(options, platform)


def _check(storage: SpacesStorage, platform: Platform) -> Iterable[Finding]:
    from bharat_storage_spaces.health import examine

    return examine(storage, platform)
