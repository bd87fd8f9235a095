"""Discover, enable, refuse; choose one provider per capability. A typed facade: nobody else touches pluggy."""

from bharat.plugins.choice import Chosen, LeftOver, ProviderMissing
from bharat.plugins.discovery import Available, installed
from bharat.plugins.facade import Plugins
from bharat.plugins.items import Contribution, Owned
from bharat.plugins.report import OptionReport, PluginReport, ProviderReport, report_option, survey
from bharat.plugins.rules import check_routes

__all__ = [
    "Available",
    "Chosen",
    "Contribution",
    "LeftOver",
    "OptionReport",
    "Owned",
    "PluginReport",
    "Plugins",
    "ProviderMissing",
    "ProviderReport",
    "check_routes",
    "installed",
    "report_option",
    "survey",
]
