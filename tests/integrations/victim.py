"""A rotation for the fault tests: `python -m tests.integrations.victim DATABASE_URL NEW OLD [in two steps]`.

It says `half` in the middle of its second transaction, and waits there to be killed. `in two steps` notes the new key of each secret
before it stores the secret under it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import count
from typing import Any
from uuid import UUID

from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.integrations import rotation
from bharat.integrations.stored import opened
from bharat.integrations.tables import integration_secrets
from bharat.integrations.vault import Place, Vault
from bharat.web.keys import PlatformKey

HALF = 130
_numbers = count(1)


def wait_at_half() -> None:
    if next(_numbers) == HALF:
        sys.stdout.write("half\n")
        sys.stdout.flush()
        sys.stdin.readline()


def renew_in_two_steps(
    database: BharatDatabase,
    organisation_id: UUID,
    slug: str,
    vault: Vault,
    rows: Sequence[Any],
    done: rotation.Rotated,
) -> None:
    for row in rows:
        envelope = vault.seal(Place(row.organisation_id, row.integration, row.kind, row.field), opened(vault, row))
        mine = integration_secrets.update().where(integration_secrets.c.id == row.id)
        with database.write(organisation_id, SYSTEM) as unit:
            unit.execute(mine.values(key_id=vault.newest))
        wait_at_half()
        with database.write(organisation_id, SYSTEM) as unit:
            unit.execute(mine.values(envelope=envelope))


def main(url: str, new: str, old: str, *more: str) -> None:
    replace = rotation._replace

    def replace_and_wait(unit: Any, row: Any, envelope: str, key_id: str) -> int:
        replaced = replace(unit, row, envelope, key_id)
        wait_at_half()
        return replaced

    rotation._replace = replace_and_wait
    if more:
        rotation._renew = renew_in_two_steps  # type: ignore[assignment] # it takes the database itself
    vault = Vault([PlatformKey(new.encode()), PlatformKey(old.encode())])
    rotation.rotate(BharatDatabase(EngineOptions(url)), vault)


if __name__ == "__main__":
    main(*sys.argv[1:])
