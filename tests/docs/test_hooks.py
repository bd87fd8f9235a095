"""Every hook has a page, the page states its signature, and its example is a plugin that works."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from bharat import hookspecs
from bharat.contracts.cache import Cache
from bharat.data import new_id
from bharat.plugins import survey
from bharat.plugins.hooks import SPECS
from bharat.plugins.items import CAPABILITY_HOOKS
from bharat.testing.cache import CacheSuite
from bharat.testing.platform import SmallPlatform
from bharat.testing.suite import OnShiftedClock
from tests.docs.markdown import Page
from tests.fixtures.application import OpenSite
from tests.fixtures.distributions import Distributions
from tests.packaging.distributions import ROOT

FOLDER = ROOT / "docs" / "plugins" / "hooks"
CAPABILITY_OF = {hook: capability for capability, hook in CAPABILITY_HOOKS.items()}
# Their examples build a backend that the reader has and this repository does not: it is offered here, not chosen.
NOT_BUILT = {"bharat_sessions", "bharat_locks", "bharat_limits", "bharat_queue"}


def page_of(hook: str) -> Page:
    return Page(FOLDER / f"{hook}.md")


def example(hook: str) -> str:
    (code,) = page_of(hook).blocks("python")
    return code


def test_every_hook_has_a_page_and_every_page_a_hook() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.md")) == sorted(SPECS)


def test_the_guide_lists_every_hook() -> None:
    listed = {link for link in Page(ROOT / "docs/plugins/README.md").links() if link.startswith("hooks/")}
    assert listed == {f"hooks/{hook}.md" for hook in SPECS}


@pytest.mark.parametrize("hook", SPECS)
def test_the_page_states_the_signature(hook: str) -> None:
    signature = str(inspect.signature(getattr(hookspecs, hook))).replace("'", "")
    assert f"`{hook}{signature}`" in page_of(hook).text


@pytest.mark.parametrize("hook", SPECS)
def test_the_page_says_when_with_what_and_what_is_returned(hook: str) -> None:
    for heading in ("**When.**", "**With.**", "**Returns.**", "## Example"):
        assert heading in page_of(hook).text


@pytest.mark.parametrize("hook", SPECS)
def test_the_example_is_a_plugin_that_works(hook: str, distributions: Distributions, open_site: OpenSite) -> None:
    distributions.add("example", example(hook))
    environ = {}
    capability = CAPABILITY_OF.get(hook)
    if capability is not None and hook not in NOT_BUILT:
        environ[f"BHARAT_{capability.upper()}__PROVIDER"] = chosen_in(hook)
    site = open_site("example", **environ)
    app = site.app
    report = next(one for one in survey(app.config, ())[0] if one.name == "example")
    assert report.problem == ""
    assert hook in report.hooks
    if hook == "bharat_demo":
        app.plugins.fill_demo(app, site.organisation("acme"), new_id())
    if capability is not None and hook not in NOT_BUILT:
        assert type(getattr(app, capability)).__module__ in (distributions.modules["example"], "bharat_sample.cabinet")


def chosen_in(hook: str) -> str:
    """The name that the example gives its provider."""
    return example(hook).partition('Provider("')[2].partition('"')[0]


class TestTheCacheOfThePage(OnShiftedClock, CacheSuite):
    """The page sends its reader to this suite, so its example keeps every promise."""

    @pytest.fixture
    def cache(self, platform: SmallPlatform) -> Cache:
        names: dict[str, Any] = {}
        exec(compile(example("bharat_cache"), "docs/plugins/hooks/bharat_cache.md", "exec"), names)
        (offered,) = names["bharat_cache"]()
        built: Cache = offered.build(offered.options(), platform)
        return built
