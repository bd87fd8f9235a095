"""One provider per capability, chosen by name, with options that are checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

import bharat
from bharat.contracts.errors import PluginError
from bharat.contracts.provider import Capability
from bharat.plugins import Plugins
from tests.fixtures.distributions import Distributions

Message = Callable[..., str]
Load = Callable[..., Plugins]

SPACES = """
import msgspec
from typing import Annotated
from bharat.contracts.provider import Provider
class Spaces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bucket: Annotated[str, msgspec.Meta(min_length=3, description="the Space", extra={"env": ("SPACES_BUCKET",)})]
    secret: Annotated[str, msgspec.Meta(description="the secret key", extra={"env": ("SPACES_SECRET",), "secret": True})]
    retries: int = 3
    tls: bool = True
class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: int = 1
@hookimpl
def bharat_storage(): return [Provider("spaces", Spaces, print, True, "S3"), Provider("tape", Limits, print, True, "slow")]
"""
CHOSEN = '[storage]\nprovider = "spaces"\n'
GIVEN = {"SPACES_BUCKET": "files", "SPACES_SECRET": "hunter2"}


@pytest.fixture
def spaces(distributions: Distributions) -> None:
    distributions.add("storage_spaces", SPACES)


def test_the_defaults_are_chosen_when_nothing_is(load_plugins: Load) -> None:
    plugins = load_plugins()
    assert {capability.value: plugins.chosen(capability).provider.name for capability in Capability} == {
        "storage": "folder", "sessions": "database", "locks": "database", "cache": "memory", "limits": "database",
        "realtime": "off", "jobs": "database", "vectors": "off", "embeddings": "ngrams", "mail": "file",
    }  # fmt: skip


@pytest.mark.usefixtures("spaces")
def test_a_provider_is_chosen_with_options_from_customary_names_and_the_file(load_plugins: Load) -> None:
    plugins = load_plugins("storage_spaces", toml=CHOSEN + "[storage.spaces]\nretries = 9\n", **GIVEN)
    chosen = plugins.chosen(Capability.STORAGE)
    assert (chosen.plugin, chosen.provider.name) == ("storage_spaces", "spaces")
    assert msgspec.structs.asdict(chosen.options) == {"bucket": "files", "secret": "hunter2", "retries": 9, "tls": True}
    assert [owned.item.name for owned in plugins.providers(Capability.STORAGE)] == ["folder", "spaces", "tape"]


@pytest.mark.usefixtures("spaces")
def test_options_show_their_source_and_never_their_secrets(load_plugins: Load) -> None:
    plugins = load_plugins("storage_spaces", toml=CHOSEN + "[storage.spaces]\nretries = 9\n", **GIVEN)
    rows = {row.key: (row.shown, row.source) for row in plugins.describe_settings()}
    assert rows["storage.provider"] == ("spaces", "bharat.toml line 3")
    assert rows["storage.spaces.bucket"] == ("files", "SPACES_BUCKET")
    assert rows["storage.spaces.secret"] == ("********", "SPACES_SECRET")
    assert rows["storage.spaces.retries"] == ("9", "bharat.toml line 5")
    assert rows["storage.spaces.tls"] == ("true", "default")
    assert "hunter2" not in repr(plugins.chosen(Capability.STORAGE))


def test_an_unknown_provider_is_refused_with_those_that_there_are(load_plugins: Load, refusal: Message) -> None:
    assert refusal(toml='[storage]\nprovider = "floder"\n').startswith(
        "bharat.toml line 3: storage.provider is 'floder', which no enabled plugin offers; available: folder (plugin local). "
        "Did you mean 'folder'?"
    )


@pytest.mark.usefixtures("spaces")
def test_a_provider_of_a_plugin_that_is_not_enabled_hints_at_it(refusal: Message) -> None:
    message = refusal(toml=CHOSEN)
    assert re.search(
        r"Installed and not enabled: .*\bstorage_spaces\b.*; perhaps one of them must be added to `plugins`\.$", message
    )


@pytest.mark.usefixtures("spaces")
@pytest.mark.parametrize(
    ("toml", "environ", "message"),
    [
        ("", {"SPACES_SECRET": "x"}, "storage.spaces.bucket is missing: set it under [storage.spaces] in bharat.toml, or in the environment as BHARAT_STORAGE__SPACES__BUCKET or SPACES_BUCKET. Meaning: the Space."),
        ("[storage.spaces]\nbuckt = 1\n", GIVEN, "bharat.toml line 5: unknown key storage.spaces.buckt; did you mean storage.spaces.bucket?"),
        ("", GIVEN | {"BHARAT_STORAGE__SPACES__BUCKT": "x"}, "BHARAT_STORAGE__SPACES__BUCKT: unknown key storage.spaces.buckt; did you mean BHARAT_STORAGE__SPACES__BUCKET?"),
        ("", GIVEN | {"SPACES_BUCKET": "ab"}, "SPACES_BUCKET: storage.spaces.bucket must be a text of length >= 3. Meaning: the Space."),
        ("[storage.spaces]\nretries = true\n", GIVEN, "bharat.toml line 5: storage.spaces.retries must be a whole number, not true or false. Its default 3."),
        ("", GIVEN | {"BHARAT_STORAGE__SPACES__TLS": "1"}, "BHARAT_STORAGE__SPACES__TLS: storage.spaces.tls must be true or false. Its default true."),
        ("[storage.tape]\nsize = 'x'\n", GIVEN, "bharat.toml line 5: storage.tape.size must be a whole number, not a text. Its default 1."),
        ("[storage.tpae]\nsize = 1\n", GIVEN, "bharat.toml line 5: [storage.tpae] configures a provider that no enabled plugin offers (available: folder, spaces, tape); did you mean [storage.tape]?"),
    ],
)  # fmt: skip
def test_wrong_options_are_refused(refusal: Message, toml: str, environ: dict[str, str], message: str) -> None:
    assert refusal("storage_spaces", toml=CHOSEN + toml, **environ) == message


@pytest.mark.usefixtures("spaces")
def test_a_provider_that_is_not_chosen_needs_no_options(load_plugins: Load) -> None:
    plugins = load_plugins("storage_spaces", toml="[storage.spaces]\nretries = 9\n", SPACES_BUCKET="x")
    assert plugins.chosen(Capability.STORAGE).provider.name == "folder"


def test_two_offers_of_one_name_are_refused(distributions: Distributions, refusal: Message) -> None:
    distributions.add("a", SPACES)
    distributions.add("b", SPACES)
    assert refusal("a", "b") == (
        "the storage provider spaces is declared by both plugin 'a' and plugin 'b'; rename one, or disable one of the plugins"
    )


SETTINGS = """
import msgspec
class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    currency: str = "INR"
    def __post_init__(self):
        if len(self.currency) != 3: raise ValueError("currency must be an ISO 4217 code")
@hookimpl
def bharat_settings(): return Settings
"""


def test_settings_of_a_plugin_are_read_as_its_type(distributions: Distributions, load_plugins: Load) -> None:
    distributions.add("crm", SETTINGS)
    distributions.add("plain")
    plugins = load_plugins("crm", "plain", toml='[plugin.crm]\ncurrency = "EUR"\n')
    assert msgspec.structs.asdict(plugins.settings("crm")) == {"currency": "EUR"}
    assert msgspec.structs.asdict(plugins.settings("plain")) == {}
    with pytest.raises(PluginError, match="plugin 'x' is not enabled; enabled: local, crm, plain"):
        plugins.settings("x")


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[plugin.crm]\ncurency = 'x'\n", "bharat.toml line 3: unknown key plugin.crm.curency; did you mean plugin.crm.currency?"),
        ("[plugin.crm]\ncurrency = 'x'\n", "[plugin.crm] can't be used: currency must be an ISO 4217 code (set in bharat.toml line 3)"),
        ("[plugin.crn]\ncurrency = 'x'\n", "bharat.toml line 3: [plugin.crn] configures a plugin that is not enabled; did you mean [plugin.crm]?"),
        ("[plugin.local]\nx = 1\n", "bharat.toml line 3: unknown key plugin.local.x; remove it; [plugin.local] takes no keys"),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused(distributions: Distributions, refusal: Message, toml: str, message: str) -> None:
    distributions.add("crm", SETTINGS)
    assert refusal("crm", toml=toml) == message


SHARED = """
from bharat.contracts.provider import NoOptions, Provider
@hookimpl
def bharat_storage(): return [Provider("s3", NoOptions, print, True, "")]
@hookimpl
def bharat_cache(): return [Provider("redis", NoOptions, print, True, "")]
@hookimpl
def bharat_mail(): return [Provider("smtp", NoOptions, print, True, "")]
"""
CLUSTER = {
    "BHARAT_MODE": "cluster",
    "DATABASE_URL": "postgresql://role:pw@db/x",
    "BHARAT_SECRET_KEY": "k" * 32,
    "BHARAT_STORAGE__PROVIDER": "s3",
    "BHARAT_CACHE__PROVIDER": "redis",
    "BHARAT_MAIL__PROVIDER": "smtp",
}


@pytest.fixture
def shared(distributions: Distributions) -> None:
    distributions.add("shared", SHARED)


@pytest.mark.usefixtures("shared")
def test_a_cluster_starts_when_everything_is_shared(load_plugins: Load) -> None:
    plugins = load_plugins("shared", **CLUSTER)
    assert (plugins.label, plugins.worker_in_process) == ("cluster", False)
    assert load_plugins("shared", **CLUSTER, BHARAT_WORKER__IN_PROCESS="true").worker_in_process


def test_a_single_node_runs_its_worker_in_the_server(load_plugins: Load) -> None:
    plugins = load_plugins()
    assert (plugins.label, plugins.worker_in_process) == ("single node", True)
    assert not load_plugins(BHARAT_WORKER__IN_PROCESS="false").worker_in_process


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"DATABASE_URL": ""}, 'mode = "cluster" needs a database that all nodes reach, and SQLite is a file on one: set DATABASE_URL to a postgresql:// URL'),
        ({"BHARAT_STORAGE__PROVIDER": "folder"}, 'mode = "cluster" needs providers that all nodes share, and storage.provider = "folder" (BHARAT_STORAGE__PROVIDER) is for one node; choose s3'),
        ({"BHARAT_CACHE__PROVIDER": "memory"}, 'mode = "cluster" needs providers that all nodes share, and cache.provider = "memory" (BHARAT_CACHE__PROVIDER) is for one node; choose redis'),
    ],
)  # fmt: skip
def test_a_cluster_with_a_part_for_one_node_is_refused(refusal: Message, changed: dict[str, str], message: str) -> None:
    assert refusal("shared", **(CLUSTER | changed)) == message


@pytest.mark.usefixtures("shared")
def test_a_cluster_without_a_secret_key_is_refused(refusal: Message) -> None:
    environ = {name: value for name, value in CLUSTER.items() if name != "BHARAT_SECRET_KEY"}
    assert refusal("shared", **environ).startswith(
        'mode = "cluster" needs a secret_key that is the same on every node: set BHARAT_SECRET_KEY, made with'
    )


def test_the_mode_is_read_in_one_place_only() -> None:
    root = Path(bharat.__file__).parent
    readers = [
        f"{path.relative_to(root)}: {line.strip()}"
        for path in sorted(root.rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\bconfig\.mode\b|\bsettings\.mode\b|getattr\([^)]*[\"']mode[\"']|BHARAT_MODE", line)
    ]
    assert readers == ['plugins/facade.py: cluster = config.mode == "cluster"']


@pytest.mark.usefixtures("spaces")
def test_a_plugin_that_only_offers_is_unused_until_something_of_it_is_chosen(load_plugins: Load) -> None:
    offers = ((Capability.STORAGE, "spaces"), (Capability.STORAGE, "tape"))
    assert load_plugins("storage_spaces").unused() == {"storage_spaces": offers}
    assert load_plugins("storage_spaces", toml='[storage]\nprovider = "tape"\n').unused() == {}


@pytest.mark.parametrize(
    ("more", "unused"),
    [
        ("", True),
        ("@hookimpl\ndef bharat_checks(): return []", False),
        ("@hookimpl\ndef bharat_startup(app): ...", False),
    ],
)
def test_a_plugin_that_does_anything_else_is_used(
    distributions: Distributions, load_plugins: Load, more: str, unused: bool
) -> None:
    distributions.add("storage_spaces", f"{SPACES}\n{more}\n")
    assert bool(load_plugins("storage_spaces").unused()) is unused


def test_a_plugin_that_implements_no_hook_is_unused(distributions: Distributions, load_plugins: Load) -> None:
    distributions.add("nothing", "")
    assert load_plugins("nothing").unused() == {"nothing": ()}
