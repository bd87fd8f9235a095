"""What a plugin may ask of permissions, and what it may say about them: narrower, never wider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from bharat.contracts.principal import Principal, Visibility


class PermissionRules(Protocol):
    """What a principal may do and which rows it reaches, for handlers that go beyond one record type: reports, searches."""

    def require(self, principal: Principal, permission: str) -> None:
        """Raise `Forbidden`, saying why, unless the principal holds the permission for at least some rows."""
        ...

    def visibility(self, principal: Principal, resource: str, verb: str) -> Visibility:
        """Which rows of `resource` the principal reaches with `verb`; `NONE`: refuse with `Forbidden`."""
        ...

    def row_filter(
        self, principal: Principal, table: sa.FromClause, resource: str, verb: str
    ) -> sa.ColumnElement[bool] | None:
        """The criterion that keeps the rows the principal reaches, the same as on lists; `None` when it reaches all. Raises `Forbidden` for none.

        `table` is the resource's table or an alias of it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionCheck:
    """`allows(principal, permission)` returns `False` to refuse what the role and scopes would allow. It is called on every
    request that needs a permission: keep it free of input and output. `reason` is told to the caller in the 403."""

    name: str
    allows: Callable[[Principal, str], bool]
    reason: str
