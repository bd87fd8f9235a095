"""What is told about plugins, also about broken ones."""

from __future__ import annotations

from pathlib import Path

from bharat.config import load
from bharat.plugins import PluginReport, survey
from tests.fixtures.distributions import Distributions

SAMPLE = """
import msgspec
from typing import Annotated
from bharat.contracts.provider import Provider
from bharat.contracts.work import JobSpec
class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: Annotated[str, msgspec.Meta(description="where it is", extra={"env": ("TAPE_URL",), "secret": True})]
    size: Annotated[int, msgspec.Meta(ge=1)] = 4
@hookimpl
def bharat_storage(): return [Provider("tape", Options, print, True, "Files on tape")]
@hookimpl
def bharat_jobs(): return [JobSpec(kind="tape.rewind", run=print)]
"""
Builtins = tuple[tuple[str, object], ...]


def look(
    builtins: Builtins, *names: str, only: str | None = None, **environ: str
) -> tuple[dict[str, PluginReport], str]:
    Path("bharat.toml").write_text(f"plugins = {list(names)!r}\n", encoding="utf-8")
    reports, problem = survey(load(None, environ), builtins, only=only)
    return {report.name: report for report in reports}, problem


def test_an_enabled_plugin_is_described(distributions: Distributions, builtins: Builtins) -> None:
    distributions.add("tape", SAMPLE, version="1.2")
    reports, problem = look(builtins, "tape", BHARAT_STORAGE__PROVIDER="tape", TAPE_URL="x")
    report = reports["tape"]
    assert problem == ""
    assert (report.enabled, report.order, report.distribution, report.version) == (True, 2, "bharat-tape", "1.2")
    assert report.hooks == ("bharat_storage", "bharat_jobs")
    assert report.adds == {"jobs": ("tape.rewind",)}
    (provider,) = report.providers
    assert (provider.capability, provider.name, provider.chosen, provider.shared) == ("storage", "tape", True, True)
    url, size = provider.options
    assert (url.type, url.required, url.env, url.description, url.secret) == (
        "a text",
        True,
        ("TAPE_URL",),
        "where it is",
        True,
    )
    assert (size.type, size.required, size.default) == ("a whole number", False, "4")


def test_a_plugin_that_is_not_enabled_is_imported_only_when_named(
    distributions: Distributions, builtins: Builtins
) -> None:
    distributions.add("tape", SAMPLE)
    reports, _ = look(builtins)
    assert (reports["tape"].enabled, reports["tape"].inspected, reports["tape"].version) == (False, False, "1.0")
    assert not distributions.imported("tape")
    reports, _ = look(builtins, only="tape")
    assert [provider.name for provider in reports["tape"].providers] == ["tape"]
    assert not reports["tape"].providers[0].chosen


def test_a_broken_plugin_is_told_beside_the_others(distributions: Distributions, builtins: Builtins) -> None:
    distributions.add("broken", "raise OSError('bad disk')")
    distributions.add("tape", SAMPLE)
    reports, problem = look(builtins, "broken", "gone", "tape")
    assert "is broken: OSError: bad disk" in reports["broken"].problem
    assert "is enabled and not installed" in reports["gone"].problem
    assert reports["tape"].problem == ""
    assert problem == reports["broken"].problem


def test_a_misspelt_hook_is_told_as_the_plugins_problem(distributions: Distributions, builtins: Builtins) -> None:
    distributions.add("tape", "@hookimpl\ndef bharat_job(): return []")
    reports, _ = look(builtins, "tape")
    assert "did you mean bharat_jobs?" in reports["tape"].problem
