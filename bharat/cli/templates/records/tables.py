"""The table of the entries, for routes and jobs to read."""

from __future__ import annotations

from bharat.plugins import Owned
from bharat.records import Kit

from bharat.cli.templates.records.entries import ENTRY

entries = Kit.metadata([Owned("new_plugin", ENTRY)]).tables["new_plugin_new_plugin"]
