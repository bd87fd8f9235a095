"""`bharat spaces …`: what is done to a bucket on request, and never by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from bharat.cli.base import Runtime, pass_runtime, show_json
from bharat.contracts.errors import ConfigError
from bharat.contracts.provider import Capability
from bharat_storage_spaces.options import SpacesOptions


@click.group()
def spaces() -> None:
    """Look after the bucket that holds the files."""


@spaces.command()
@click.option("--apply", is_flag=True, help="Give the bucket the rules that it lacks; others that it has stay.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_runtime
def lifecycle(runtime: Runtime, *, apply: bool, as_json: bool) -> int:
    """Say which lifecycle rules against leftovers of uploads the bucket lacks: exit code 1 when there are some."""
    from bharat_storage_spaces import lifecycle as rules  # imports the driver
    from bharat_storage_spaces.bucket import Bucket

    bucket = Bucket(_options(runtime))
    try:
        if apply:
            rules.apply(bucket)
        lacking = rules.missing(bucket)
    finally:
        bucket.close()
    if as_json:
        show_json({"bucket": bucket.options.bucket, "missing": lacking})
    elif lacking:
        for rule in lacking:
            click.echo(f"{bucket.options.bucket} lacks the rule {rule['ID']!r}: {_told(rule)}")
        click.echo("Add them with: bharat spaces lifecycle --apply")
    else:
        click.echo(f"{bucket.options.bucket} has the rules that remove what uploads left behind")
    return 1 if lacking else 0


def _told(rule: Mapping[str, Any]) -> str:
    prefix = rule["Filter"]["Prefix"] or "anything"
    if "Expiration" in rule:
        return f"objects below {prefix} go after {rule['Expiration']['Days']} days"
    days = rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
    return f"multipart uploads below {prefix} end after {days} days"


def _options(runtime: Runtime) -> SpacesOptions:
    chosen = runtime.plugins.chosen(Capability.STORAGE)
    if not isinstance(chosen.options, SpacesOptions):
        raise ConfigError(f"storage.provider is {chosen.provider.name!r}: this is about the bucket of `spaces`")
    return chosen.options
