"""What a server for development does besides: it ends with its terminal and serves no tables that no revision makes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bharat.app import load_plugins, schema_of
from bharat.config import load
from bharat.contracts.errors import BharatError
from bharat.data.migrations.generate import differences, told
from bharat.plugins import Plugins
from bharat.server import CHECK_TABLES, END_ON_HANGUP
from bharat.server.hangup import end_on_hangup


def prepare(arguments: Sequence[str]) -> tuple[list[str], int | None]:
    """Carry out the arguments of this module's, and return the others with the exit code, `None` to serve."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(END_ON_HANGUP, action="store_true")
    parser.add_argument(CHECK_TABLES, action="store_true")
    options, others = parser.parse_known_args(arguments)
    if options.end_on_hangup:
        end_on_hangup()
    if options.check_tables and (problem := _problem(others)):
        sys.stderr.write(f"bharat: error: {problem}\n")
        return others, 1
    return others, None


def check_tables(plugins: Plugins) -> None:
    """Refuse tables that no revision makes: their records would answer with errors that say nothing. Raises `BharatError`."""
    if lines := told(differences(schema_of(plugins))):
        raise BharatError("; ".join(lines))


def _problem(arguments: Sequence[str]) -> str:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config", type=Path)
    options, _ = parser.parse_known_args(arguments)
    try:
        check_tables(load_plugins(load(options.config, os.environ)))
    except BharatError as error:
        return str(error)
    return ""
