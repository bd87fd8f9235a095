"""What a plugin may say about permissions: narrower, never wider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bharat.contracts.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionCheck:
    """`allows(principal, permission)` returns `False` to refuse what the role and scopes would allow. It is called on every
    request that needs a permission: keep it free of input and output. `reason` is told to the caller in the 403."""

    name: str
    allows: Callable[[Principal, str], bool]
    reason: str
