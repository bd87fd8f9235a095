"""What a plugin may implement, and how a mistake in it is told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from bharat.contracts.errors import PluginError
from bharat.plugins import Plugins
from tests.fixtures.distributions import Distributions

Message = Callable[..., str]
Load = Callable[..., Plugins]


def test_a_misspelt_hook_is_refused_with_the_one_that_was_meant(plugin: Message) -> None:
    assert plugin("@hookimpl\ndef bharat_route(): return []") == (
        "plugin 'sample' implements bharat_route, which is not a hook; did you mean bharat_routes?"
    )


def test_a_hook_with_an_argument_that_is_not_passed_is_refused(plugin: Message) -> None:
    assert plugin("@hookimpl\ndef bharat_routes(app): return []") == (
        "plugin 'sample': bharat_routes has the argument 'app', which the hook doesn't pass; it takes no arguments"
    )


def test_a_hook_without_its_marker_is_refused(plugin: Message) -> None:
    assert plugin("def bharat_routes(): return []") == (
        "plugin 'sample': bharat_routes lacks its marker; put @bharat.hookimpl above it"
    )


def test_a_hook_that_fails_is_told_with_place(plugin: Message) -> None:
    message = plugin("@hookimpl\ndef bharat_jobs():\n    raise LookupError('no jobs today')")
    assert message.startswith("plugin 'sample' failed in bharat_jobs: LookupError: no jobs today (")
    assert message.endswith(".py line 5); repair or disable it")


@pytest.mark.parametrize(
    ("hook", "value", "message"),
    [
        ("bharat_routes", "{}", "bharat_routes returned a dict where a list or tuple of Route is expected"),
        ("bharat_routes", "(x for x in ())", "bharat_routes returned a generator where a list or tuple of Route is expected"),
        ("bharat_jobs", "'job'", "bharat_jobs returned a str where a list or tuple of JobSpec is expected"),
        ("bharat_cron", "[3]", "bharat_cron returned an int as item 1 where a CronEntry is expected"),
        ("bharat_storage", "[dict]", "bharat_storage returned the class dict as item 1 where a Provider is expected"),
        ("bharat_settings", "{}", "bharat_settings returned a dict where a msgspec Struct class is expected"),
        ("bharat_migrations", "'x'", "bharat_migrations returned a str where Migrations is expected"),
    ],
)  # fmt: skip
def test_a_result_of_a_wrong_type_is_refused(plugin: Message, hook: str, value: str, message: str) -> None:
    assert plugin(f"@hookimpl\ndef {hook}(): return {value}") == f"plugin 'sample': {message}"


def test_options_that_would_swallow_unknown_keys_are_refused(plugin: Message) -> None:
    code = """
    import msgspec
    class Loose(msgspec.Struct, frozen=True): ...
    @hookimpl
    def bharat_settings(): return Loose
    """
    assert plugin(code) == (
        "plugin 'sample': Loose of its settings must be declared with frozen=True and forbid_unknown_fields=True"
    )


def test_no_implementation_and_none_mean_nothing(distributions: Distributions, load_plugins: Load) -> None:
    distributions.add("sample", "@hookimpl\ndef bharat_routes(): return None")
    plugins = load_plugins("sample")
    assert (plugins.routes(), plugins.jobs(), plugins.commands(), plugins.migrations()) == ((), (), (), ())


LIFE = """
@hookimpl
def bharat_startup(app): app.append("start {0}")
@hookimpl
def bharat_close(app): app.append("close {0}")
"""


def test_plugins_start_in_order_and_close_in_reverse_once(distributions: Distributions, load_plugins: Load) -> None:
    for name in ("a", "b"):
        distributions.add(name, LIFE.format(name))
    plugins = load_plugins("a", "b")
    app: Any = []
    plugins.startup(app)
    plugins.close(app)
    plugins.close(app)
    assert app == ["start a", "start b", "close b", "close a"]


def test_when_a_startup_fails_those_that_had_started_are_closed(
    distributions: Distributions, load_plugins: Load
) -> None:
    distributions.add("a", LIFE.format("a"))
    distributions.add(
        "b", "@hookimpl\ndef bharat_startup(app): raise OSError('no route')\n" + LIFE.split("\n", 3)[3].format("b")
    )
    distributions.add("c", LIFE.format("c"))
    plugins = load_plugins("a", "b", "c")
    app: Any = []
    with pytest.raises(PluginError, match="plugin 'b' failed in bharat_startup: OSError: no route"):
        plugins.startup(app)
    plugins.close(app)
    assert app == ["start a", "close a"]


def test_every_plugin_is_closed_even_when_one_fails(
    distributions: Distributions, load_plugins: Load, caplog: pytest.LogCaptureFixture
) -> None:
    distributions.add("a", LIFE.format("a"))
    distributions.add("b", "@hookimpl\ndef bharat_close(app): raise OSError('stuck')")
    plugins = load_plugins("a", "b")
    app: Any = []
    plugins.startup(app)
    with caplog.at_level(logging.ERROR):
        plugins.close(app)
    assert app == ["start a", "close a"]
    assert "plugin 'b' failed in bharat_close: OSError: stuck" in caplog.text
