"""`bharat secrets`: with which key stored secrets are encrypted, and encrypting them with the newest."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import click

from bharat.cli.base import Runtime, Summaries, pass_runtime, show_json, show_table

if TYPE_CHECKING:
    from bharat.integrations.vault import Vault

Standing = Literal["newest", "previous", "missing"]
_MEANINGS: Mapping[Standing, str] = {
    "newest": "of secret_key: what is stored now is encrypted with it",
    "previous": "of previous_secrets: `bharat secrets rotate` renews what it encrypted",
    "missing": "not configured: add its secret to previous_secrets, else these can't be read",
}


@click.group(cls=Summaries)
def secrets() -> None:
    """Look after the encryption of stored secrets."""


@secrets.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_runtime
def status(runtime: Runtime, *, as_json: bool) -> int:
    """Tell how many stored secrets are encrypted with which key. The exit code is 1 when a key is missing."""
    from bharat.integrations import rotation

    with runtime.application() as app:
        vault = app.integrations.vault
        counts = rotation.counted(app.database)
    rows = [(key_id, _standing(vault, key_id), counts.get(key_id, 0)) for key_id in _in_order(vault, counts)]
    if as_json:
        show_json([{"key": key_id, "standing": standing, "secrets": count} for key_id, standing, count in rows])
    else:
        shown = [(key_id, str(count), _MEANINGS[standing]) for key_id, standing, count in rows]
        show_table(("KEY", "SECRETS", "THE KEY"), shown)
    return 1 if any(standing == "missing" for _, standing, _ in rows) else 0


@secrets.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_runtime
def rotate(runtime: Runtime, *, as_json: bool) -> int:
    """Encrypt every stored secret with the newest key, that of secret_key.

    It may run beside servers and workers, and again when it was interrupted. Secrets that can't be read are told and left as they are;
    the exit code is 1 when there are any."""
    from bharat.integrations import rotation

    with runtime.application() as app:
        vault = app.integrations.vault
        due = sum(count for key_id, count in rotation.counted(app.database).items() if key_id != vault.newest)
        with click.progressbar(
            length=due, label="Encrypting", file=sys.stderr, hidden=as_json or not sys.stderr.isatty()
        ) as bar:
            done = rotation.rotate(app.database, vault, bar.update)
    if as_json:
        show_json({"renewed": done.renewed, "unreadable": done.unreadable})
    else:
        for message in done.unreadable:
            click.echo(message, err=True)
        left = f"; {len(done.unreadable)} can't be read" if done.unreadable else ""
        click.echo(f"encrypted {_count(done.renewed)} with the newest key{left}")
    return 1 if done.unreadable else 0


def _in_order(vault: Vault, counts: Mapping[str, int]) -> list[str]:
    """The configured keys, the newest first, then those that are missing."""
    return [*vault.key_ids, *sorted(counts.keys() - set(vault.key_ids))]


def _standing(vault: Vault, key_id: str) -> Standing:
    if key_id == vault.newest:
        return "newest"
    return "previous" if key_id in vault.key_ids else "missing"


def _count(number: int) -> str:
    return f"{number} secret{'' if number == 1 else 's'}"
