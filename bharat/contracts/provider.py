"""What a plugin hands over to offer a capability: a named, typed, lazily built `Provider`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec

from bharat.contracts.check import Finding
from bharat.contracts.platform import Platform

BackendT = TypeVar("BackendT", covariant=True)
OptionsT = TypeVar("OptionsT", bound=msgspec.Struct)


class Capability(StrEnum):
    """The swappable parts of the platform; each is a section of the configuration and an attribute of the application."""

    STORAGE = "storage"
    SESSIONS = "sessions"
    LOCKS = "locks"
    CACHE = "cache"
    LIMITS = "limits"
    REALTIME = "realtime"
    JOBS = "jobs"
    VECTORS = "vectors"
    EMBEDDINGS = "embeddings"
    MAIL = "mail"


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of a provider that has none."""


@dataclass(frozen=True, slots=True)
class Provider(Generic[BackendT, OptionsT]):
    """One way to provide a capability.

    `options` is a frozen msgspec Struct with `forbid_unknown_fields=True`; its fields are the keys of the
    configuration section `[<capability>.<name>]`. A field's `msgspec.Meta(description=..., extra={...})` may carry
    `env` (a tuple of customary environment names, `("REDIS_URL",)`) and `secret=True` (masked everywhere); `examples=[...]` shows
    what to write where the default doesn't.

    `shared` says whether several processes on several nodes may use the same backend at once; `mode = "cluster"`
    refuses a provider that is not. It may depend on the platform's database: then it is a function of it.

    `build` runs once per process, after fork. It imports the driver; importing the plugin must not.

    `check` is given what `build` returned, and says what is to be said of it: does it answer, is it set up so that it keeps
    what it is given? It runs only where the provider is chosen: in `bharat doctor`, which prints what it finds, and for
    `/api/health`, which tells its worst status under the capability's name and no more. So it may name addresses, never a
    secret. It takes a few seconds at most, changes nothing that is anybody's, and cleans up after itself; what it raises is a
    failure. No finding at all is as good as one that is ok.
    """

    name: str
    options: type[OptionsT]
    build: Callable[[OptionsT, Platform], BackendT]
    shared: bool
    summary: str
    # Not BackendT: a hook's result is annotated with the contract, and a plugin's check wants its own class.
    check: Callable[[Any, Platform], Iterable[Finding]] | None = None


AnyProvider = Provider[Any, Any]
