"""Loading plugins from small real distributions beside the embedded defaults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bharat.config import load
from bharat.contracts.errors import ConfigError, PluginError
from bharat.plugins import Plugins
from tests.fixtures.distributions import Distributions, builtins, distributions

__all__ = ["builtins", "distributions"]

Load = Callable[..., Plugins]
Refusal = Callable[..., str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def load_plugins(builtins: tuple[tuple[str, object], ...]) -> Load:
    """`load_plugins("crm", "other", BHARAT_X="…")`: the plugins of a configuration that enables these."""

    def make(*names: str, toml: str = "", **environ: str) -> Plugins:
        Path("bharat.toml").write_text(f"plugins = {list(names)!r}\n{toml}", encoding="utf-8")
        return Plugins.load(load(None, environ), builtins)

    return make


@pytest.fixture
def refusal(load_plugins: Load) -> Refusal:
    """The one message with which such a configuration is refused."""

    def message(*names: str, toml: str = "", **environ: str) -> str:
        with pytest.raises((PluginError, ConfigError)) as refused:
            load_plugins(*names, toml=toml, **environ)
        text = str(refused.value)
        assert "\n" not in text
        return text

    return message


@pytest.fixture
def plugin(distributions: Distributions, refusal: Refusal) -> Callable[..., str]:
    """`plugin(code)`: the refusal of the plugin `sample` with this code."""

    def message(code: str, toml: str = "", **environ: str) -> str:
        distributions.add("sample", code)
        return refusal("sample", toml=toml, **environ)

    return message
