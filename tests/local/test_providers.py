"""What the embedded plugin offers through the hooks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pluggy
import pytest

from bharat import hookspecs, local
from bharat.contracts.provider import AnyProvider, NoOptions
from bharat.contracts.route import Public
from bharat.testing.platform import SmallPlatform

OFFERED = {
    "storage": {"folder": False, "shared_folder": True},
    "cache": {"memory": False, "off": True},
    "mail": {"file": False, "console": True},
    "realtime": {"off": True},
    "vectors": {"off": True},
    "embeddings": {"ngrams": True, "off": True},
}


@pytest.fixture
def manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(local)
    manager.check_pending()
    return manager


def offered(manager: pluggy.PluginManager, capability: str) -> list[AnyProvider]:
    return [provider for some in getattr(manager.hook, f"bharat_{capability}")() for provider in some]


@pytest.mark.parametrize("capability", OFFERED)
def test_a_capability_has_its_defaults(manager: pluggy.PluginManager, capability: str) -> None:
    """Each name, and whether several nodes may share it."""
    assert {provider.name: provider.shared for provider in offered(manager, capability)} == OFFERED[capability]


@pytest.mark.parametrize("capability", OFFERED)
def test_every_default_can_be_built_from_its_fewest_options(
    manager: pluggy.PluginManager, platform: SmallPlatform, capability: str
) -> None:
    for provider in offered(manager, capability):
        assert provider.summary
        assert provider.options is NoOptions or provider.options.__struct_config__.forbid_unknown_fields
        needed = {"root": str(platform.home / "mounted")} if provider.name == "shared_folder" else {}
        backend = provider.build(msgspec.convert(needed, provider.options), platform)
        assert backend is not None


def test_a_shared_folder_shows_one_node_s_files_to_the_other(manager: pluggy.PluginManager, tmp_path: Path) -> None:
    (provider,) = (provider for provider in offered(manager, "storage") if provider.name == "shared_folder")
    options = msgspec.convert({"root": str(tmp_path / "mounted")}, provider.options)
    one, other = (provider.build(options, SmallPlatform(tmp_path / node)) for node in ("one", "other"))
    one.put("a", [b"x"])
    assert b"".join(other.open("a").chunks) == b"x"


def test_the_signed_urls_are_public_routes_with_a_reason(manager: pluggy.PluginManager) -> None:
    routes = [route for some in manager.hook.bharat_routes() for route in some]
    signed = [route for route in routes if route.path.startswith("/storage/")]
    assert [(route.method, route.access) for route in signed] == [("GET", Public()), ("PUT", Public())]
    for route in signed:
        assert "Public:" in (route.handler.__doc__ or "")


def test_listing_the_providers_imports_no_backend_and_no_pytest() -> None:
    asked = "import sys, bharat.local as l; l.bharat_storage(), l.bharat_cache(), l.bharat_mail(), l.bharat_vectors()"
    code = f"{asked}; print([m for m in sys.modules if m == 'pytest' or m.startswith('bharat.local.')])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "['bharat.local.options']"
