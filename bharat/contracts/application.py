"""The assembled application as handlers, jobs and plugins see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from bharat.contracts.cache import Cache
from bharat.contracts.integrations import Integrations
from bharat.contracts.jobs import Jobs
from bharat.contracts.limits import Limits
from bharat.contracts.locks import Locks
from bharat.contracts.mail import Mail
from bharat.contracts.permission import PermissionRules
from bharat.contracts.platform import Platform
from bharat.contracts.realtime import Realtime
from bharat.contracts.sessions import Sessions
from bharat.contracts.storage import Storage
from bharat.contracts.vectors import Embeddings, Vectors


class Application(Platform, Protocol):
    """Every capability is a plain attribute: using one costs no hook call and no look-up."""

    @property
    def storage(self) -> Storage: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def locks(self) -> Locks: ...
    @property
    def cache(self) -> Cache: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def realtime(self) -> Realtime: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def vectors(self) -> Vectors: ...
    @property
    def embeddings(self) -> Embeddings: ...
    @property
    def mail(self) -> Mail: ...
    @property
    def permissions(self) -> PermissionRules: ...
    @property
    def integrations(self) -> Integrations: ...

    def settings(self, plugin: str) -> msgspec.Struct:
        """The validated settings of an enabled plugin: the section `[plugin.<name>]`, as the type it declared."""
        ...

    @property
    def registry(self) -> Mapping[str, Any]:
        """Everything the plugins declared, by kind: `record_types`, `routes`, `jobs`, …; for introspection."""
        ...
