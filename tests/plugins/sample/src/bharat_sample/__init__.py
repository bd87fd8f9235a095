"""A sample plugin: what it hands over to Bharat. Backends are imported when they are built, not when they are offered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bharat import hookimpl
from bharat.contracts.check import Check, Finding
from bharat.contracts.integrations import Integration
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat.contracts.records import RecordType
from bharat.contracts.route import Route
from bharat.contracts.storage import Storage
from bharat.contracts.work import CronEntry, JobSpec
from bharat_sample.doorbell import DOORBELL
from bharat_sample.greetings import EVERY_MORNING, GREET, KEEP, KEEPS_GREETINGS
from bharat_sample.options import CabinetOptions, Settings
from bharat_sample.visits import SITE_VISIT

if TYPE_CHECKING:
    from bharat_sample.cabinet import CabinetStorage


def _cabinet(options: CabinetOptions, platform: Platform) -> Storage:
    from bharat_sample.cabinet import CabinetStorage

    return CabinetStorage(options, platform)


def _check_cabinet(cabinet: CabinetStorage, platform: Platform) -> Sequence[Finding]:
    return [cabinet.examine()]


@hookimpl
def bharat_storage() -> Sequence[Provider[Storage, Any]]:
    return [
        Provider(
            "cabinet",
            CabinetOptions,
            _cabinet,
            shared=False,
            summary="All files in one SQLite file",
            check=_check_cabinet,
        )
    ]


@hookimpl
def bharat_settings() -> type[Settings]:
    return Settings


@hookimpl
def bharat_record_types() -> Sequence[RecordType]:
    return [SITE_VISIT]


@hookimpl
def bharat_routes() -> Sequence[Route]:
    return [GREET]


@hookimpl
def bharat_jobs() -> Sequence[JobSpec]:
    return [KEEP]


@hookimpl
def bharat_cron() -> Sequence[CronEntry]:
    return [EVERY_MORNING]


@hookimpl
def bharat_checks() -> Sequence[Check]:
    return [KEEPS_GREETINGS]


@hookimpl
def bharat_integrations() -> Sequence[Integration]:
    return [DOORBELL]


@hookimpl
def bharat_commands() -> Sequence[click.Command]:
    from bharat_sample.commands import greet_command

    return [greet_command]
