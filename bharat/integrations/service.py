"""`Service`: every integration of the application and the key to their secrets, assembled once per process. `app.integrations`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import msgspec

from bharat.contracts.application import Application
from bharat.contracts.database import Database, Reader
from bharat.contracts.errors import FieldFault, Invalid, PluginError
from bharat.contracts.integrations import Integration, SettingsUnfit
from bharat.integrations.declared import Declared
from bharat.integrations.endpoints import Finder
from bharat.integrations.stored import STORED, opened
from bharat.integrations.vault import Vault
from bharat.plugins import Owned


class Service:
    """See `bharat.contracts.integrations.Integrations`."""

    def __init__(self, items: Sequence[Owned[Integration]], database: Database, vault: Vault) -> None:
        self.declared: Mapping[str, Declared] = {owned.item.name: Declared(owned.plugin, owned.item) for owned in items}
        self.vault = vault
        self.endpoints = Finder(database)
        self._stored = database.prepare(STORED)

    def settings(self, reader: Reader, name: str) -> msgspec.Struct | None:
        declared = self.declared.get(name)
        if declared is None:
            known = ", ".join(self.declared) or "none"
            raise PluginError(f"no enabled plugin declares the integration {name!r}; there are: {known}")
        rows = reader.rows(self._stored, {"integration": name})
        if not rows or not rows[0].set_up:
            return None
        secrets = {row.field: opened(self.vault, row) for row in rows if row.field in declared.secrets}
        plain = {field: value for field, value in rows[0].plain.items() if field not in declared.secrets}
        try:
            return declared.fit(plain, secrets)
        except Invalid as error:
            raise _unfit(declared, error.faults) from None


def _unfit(declared: Declared, faults: Sequence[FieldFault]) -> SettingsUnfit:
    told = "; ".join(f"{fault.path.lstrip('/')} {fault.detail}".strip() for fault in faults)
    return SettingsUnfit(
        f"The settings of the integration {declared.name!r} no longer fit what it asks for ({told}): have an administrator set it up "
        f"again with PUT {declared.path}."
    )


class _WithIntegrations(Protocol):
    @property
    def integrations(self) -> Service: ...


def integrations_of(app: Application) -> Service:
    """The application's integrations, with what the contract that plugins see does not have."""
    return cast(_WithIntegrations, app).integrations
