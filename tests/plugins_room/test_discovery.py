"""Which plugins load, in which order, and which can't."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import bharat
from bharat.plugins import Plugins
from bharat.plugins.discovery import OWN, remedy_for_missing
from tests.fixtures.distributions import Distributions
from tests.packaging.distributions import ROOT

Load = Callable[..., Plugins]
Refusal = Callable[..., str]


def test_plugins_load_in_the_order_of_the_configuration_after_the_built_in(
    distributions: Distributions, load_plugins: Load
) -> None:
    for name in ("alpha", "beta", "gamma"):
        distributions.add(name)
    assert load_plugins("gamma", "alpha", "beta").names == ("local", "gamma", "alpha", "beta")


def test_a_plugin_that_is_not_enabled_is_not_imported(distributions: Distributions, load_plugins: Load) -> None:
    distributions.add("alpha")
    distributions.add("beta", "raise RuntimeError('imported')")
    load_plugins("alpha")
    assert distributions.imported("alpha")
    assert not distributions.imported("beta")


def test_an_entry_point_may_name_an_object(distributions: Distributions, load_plugins: Load) -> None:
    code = """
    import msgspec
    class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        currency: str = "INR"
    class Plugin:
        @hookimpl
        def bharat_settings(self):
            return Settings
    plugin = Plugin()
    """
    distributions.add("sample", code, attribute="plugin")
    settings = load_plugins("sample", BHARAT_PLUGIN__SAMPLE__CURRENCY="EUR").settings("sample")
    assert settings.currency == "EUR"  # type: ignore[attr-defined]  # a type made in this test


def test_a_plugin_that_is_not_installed_is_refused_with_what_to_do(refusal: Refusal) -> None:
    assert refusal("telephone_book") == (
        "plugin 'telephone_book' is enabled and not installed; install the distribution that provides it, "
        "or disable it with `bharat plugins disable telephone_book`"
    )


def test_the_package_is_named_for_a_plugin_of_bharats_own_alone() -> None:
    assert remedy_for_missing("session_redis", ["crm"]) == "install it with `pip install bharat-session-redis`"
    assert remedy_for_missing("crmm", []) == "did you mean 'crm'?"
    assert remedy_for_missing("tapes", ["tape"]) == "did you mean 'tape'?"
    for name, distribution in OWN.items():
        setup = (ROOT / "plugins" / name / "setup.cfg").read_text(encoding="utf-8")
        assert f"name = {distribution}\n" in setup
        assert f"    {name} = " in setup


def test_a_misspelt_plugin_is_refused_with_the_one_that_was_meant(
    distributions: Distributions, refusal: Refusal
) -> None:
    distributions.add("session_redis")
    assert "plugin 'sesion_redis' is enabled and not installed; did you mean 'session_redis'?" in refusal(
        "sesion_redis"
    )


def test_a_name_that_no_plugin_can_have_is_refused(refusal: Refusal) -> None:
    assert refusal("Bharat-CRM") == (
        "'Bharat-CRM' in `plugins` is not a plugin's name: use lower-case letters, digits and '_'"
    )


def test_a_plugin_that_breaks_on_import_is_refused_with_what_happened_and_where(plugin: Callable[..., str]) -> None:
    message = plugin("x = {}['absent']")
    assert message.startswith("plugin 'sample' (bharat-sample 1.0) is broken: KeyError: 'absent' (")
    assert message.endswith(".py line 3); repair it, or disable it with `bharat plugins disable sample`")


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "def f(:", "raise ValueError('one\\ntwo')"])
def test_whatever_an_import_raises_is_one_line(plugin: Callable[..., str], code: str) -> None:
    assert "plugin 'sample' (bharat-sample 1.0) is broken: " in plugin(code)


def test_a_plugin_that_lacks_a_module_names_it(plugin: Callable[..., str]) -> None:
    assert "install what brings the module absent_driver, or disable it" in plugin("import absent_driver")


def test_an_entry_point_that_names_nothing_is_refused(distributions: Distributions, refusal: Refusal) -> None:
    distributions.add("sample", attribute="absent")
    assert "is broken: AttributeError: " in refusal("sample")


def test_a_class_as_plugin_is_refused(distributions: Distributions, refusal: Refusal) -> None:
    distributions.add("sample", "class Plugin: ...", attribute="Plugin")
    assert refusal("sample") == (
        "plugin 'sample' (bharat-sample): its entry point names the class Plugin; let it name a module or an instance"
    )


def test_a_plugin_for_another_bharat_is_refused_and_not_imported(
    distributions: Distributions, refusal: Refusal
) -> None:
    distributions.add("sample", requires=["requests", "Bharat >=2,<3"], version="2.1")
    assert refusal("sample") == (
        f"plugin 'sample' (bharat-sample 2.1) is made for Bharat <3,>=2, and this is {bharat.__version__}; install a "
        "version of it that fits with `pip install --upgrade bharat-sample`, or disable it with `bharat plugins disable sample`"
    )
    assert not distributions.imported("sample")


def test_a_prerelease_of_bharat_is_within_a_plugins_range(
    distributions: Distributions, load_plugins: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bharat, "__version__", "1.4.0rc1")
    distributions.add("sample", requires=["bharat>=1,<2"])
    assert "sample" in load_plugins("sample").names


def test_a_requirement_for_another_environment_does_not_count(distributions: Distributions, load_plugins: Load) -> None:
    distributions.add("sample", requires=['bharat>=9; python_version < "3"'])
    assert "sample" in load_plugins("sample").names


def test_a_name_that_two_distributions_offer_is_refused_once_enabled(
    distributions: Distributions, load_plugins: Load, refusal: Refusal
) -> None:
    distributions.add("sample", distribution="bharat-sample")
    distributions.add("sample", distribution="acme-sample")
    distributions.add("other")
    load_plugins("other")
    assert refusal("sample") == (
        "plugin 'sample' is offered by acme-sample and bharat-sample; uninstall all but one of them"
    )


def test_a_name_that_stands_twice_is_refused(distributions: Distributions, refusal: Refusal) -> None:
    distributions.add("sample")
    assert refusal("sample", "sample") == (
        "bharat.toml line 1: `plugins` names 'sample' more than once; remove the repetition"
    )


def test_a_built_in_is_not_to_be_enabled(refusal: Refusal) -> None:
    assert refusal("local") == (
        "bharat.toml line 1: `plugins` names 'local', which is built in and always there; remove it"
    )
