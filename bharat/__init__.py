"""Bharat: a plugin-based CRM platform whose application servers keep no state."""

from importlib.metadata import version

from bharat.hookspecs import hookimpl

__all__ = ["__version__", "hookimpl"]
__version__ = version("bharat")
