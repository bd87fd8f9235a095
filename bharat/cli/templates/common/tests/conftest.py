"""Bharat's fixtures: `platform`, `clock`, `fences` and `open_site`."""

pytest_plugins = ["bharat.testing.plugin"]
