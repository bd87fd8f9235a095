"""Putting the configuration together: defaults < `bharat.toml` < environment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bharat.config.fields import Row, decode, read, rows, settings_of, unknown_key
from bharat.config.sections import (
    DEFAULT_HOME,
    DEFAULT_PROVIDERS,
    SECRET_KEY_LENGTH,
    Accounts,
    Choice,
    Config,
    Database,
    Files,
    Log,
    Server,
    Worker,
)
from bharat.config.sources import PREFIX, Raw, TomlFile, environment_name, environment_settings
from bharat.contracts.errors import ConfigError
from bharat.contracts.provider import Capability
from bharat.contracts.spelling import nearest

SECTIONS: Mapping[str, type[msgspec.Struct]] = {
    "server": Server,
    "database": Database,
    "accounts": Accounts,
    "worker": Worker,
    "files": Files,
    "log": Log,
}
TOP = ("mode", "plugins", "home", "secret_key", "previous_secrets")
"""The keys that stand in no section."""
_TOP = {setting.name: setting for setting in settings_of(Config) if setting.name in TOP}
_CAPABILITIES = frozenset(capability.value for capability in Capability)
_HEADS = frozenset({*_TOP, *SECTIONS, *_CAPABILITIES, "plugin"})


def places(path: Path | None, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where the file is looked for, first come first read: `path`, else `$BHARAT_CONFIG`, else `bharat.toml` in `$BHARAT_HOME`
    (`.bharat` when that is unset), then in the current folder."""
    if path is not None:
        return (path,)
    if environ.get("BHARAT_CONFIG"):
        return (Path(environ["BHARAT_CONFIG"]),)
    return (Path(environ.get("BHARAT_HOME") or DEFAULT_HOME) / "bharat.toml", Path("bharat.toml"))


def find_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The first of the `places` that is there. Raises `ConfigError` when a file that was named is not."""
    named = path is not None or bool(environ.get("BHARAT_CONFIG"))
    for candidate in places(path, environ):
        try:
            if candidate.is_file():
                return candidate
        except OSError as error:  # a folder on the way that may not be searched
            raise ConfigError(
                f"can't look for {candidate}: {error.strerror}; correct BHARAT_HOME or --config"
            ) from error
        if named:
            raise ConfigError(f"there is no configuration file {candidate}: correct --config or BHARAT_CONFIG")
    return None


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read the configuration once. Raises `ConfigError` for an unknown key, a missing required one or a wrong type,
    naming the key, its source and the remedy."""
    file = find_file(path, environ)
    found = _Found()
    if file is not None:
        found.read_file(TomlFile(file))
    for key, raw in environment_settings(environ).items():
        found.add_variable(key, raw)
    return _assemble(found, file, environ, named=path is not None or bool(environ.get("BHARAT_CONFIG")))


class _Found:
    """Raw values by section, the later source replacing the earlier."""

    def __init__(self) -> None:
        self.top: dict[str, Raw] = {}
        self.sections: dict[str, dict[str, Raw]] = {name: {} for name in SECTIONS}
        self.providers: dict[str, Raw] = {}
        self.options: dict[str, dict[str, dict[str, Raw]]] = defaultdict(lambda: defaultdict(dict))
        self.plugin_settings: dict[str, dict[str, Raw]] = defaultdict(dict)

    def read_file(self, toml: TomlFile) -> None:
        for head, value in toml.data.items():
            if head in _TOP:
                self.top[head] = toml.raw(value, head)
            elif head in SECTIONS:
                table = _table(toml, value, head)
                self.sections[head] = {key: toml.raw(item, head, key) for key, item in table.items()}
            elif head == "plugin":
                for name, settings in _table(toml, value, head).items():
                    table = _table(toml, settings, head, name)
                    self.plugin_settings[name] = {key: toml.raw(item, head, name, key) for key, item in table.items()}
            elif head in _CAPABILITIES:
                for key, item in _table(toml, value, head).items():
                    if key == "provider":
                        self.providers[head] = toml.raw(item, head, key)
                    elif isinstance(item, dict):
                        self.options[head][key] = {name: toml.raw(v, head, key, name) for name, v in item.items()}
                    else:
                        raise ConfigError(
                            f"{toml.source(head, key)}: unknown key {head}.{key}; {_did_you_mean(key, head)}"
                            f"options of a provider stand under [{head}.<name of the provider>]"
                        )
            else:
                raise unknown_key(toml.source(head), (head,), _HEADS)

    def add_variable(self, key: tuple[str, ...], raw: Raw) -> None:
        match key:
            case (name,) if name in _TOP:
                self.top[name] = raw
            case (section, name) if section in SECTIONS and name in {s.name for s in settings_of(SECTIONS[section])}:
                self.sections[section][name] = raw
            case (capability, "provider") if capability in _CAPABILITIES:
                self.providers[capability] = raw
            case (capability, provider, name) if capability in _CAPABILITIES and provider and name:
                self.options[capability][provider][name] = raw
            case ("plugin", plugin, name) if plugin and name:
                self.plugin_settings[plugin][name] = raw
            case _:
                near = nearest(raw.source.removeprefix(PREFIX), _variables())
                remedy = f"did you mean {PREFIX}{near}?" if near else "unset it, or see `bharat config` for the names"
                raise ConfigError(f"{raw.source}: this environment variable sets nothing; {remedy}")


def _is_home(folder: Path) -> bool:
    """Whether Bharat has kept its state there: a named file in one is meant with the state beside it."""
    return any((folder / name).exists() for name in ("bharat.sqlite3", "secret.key"))


def _assemble(found: _Found, file: Path | None, environ: Mapping[str, str], *, named: bool) -> Config:
    top = {name: read(_TOP[name], raw) for name, raw in found.top.items()}
    if (raw := found.top.get("secret_key")) and len(top["secret_key"].reveal()) < SECRET_KEY_LENGTH:
        raise ConfigError(
            f"{raw.source}: secret_key must have at least {SECRET_KEY_LENGTH} characters; "
            "make one with `python -c 'import secrets; print(secrets.token_urlsafe(48))'`"
        )
    if (raw := found.top.get("previous_secrets")) and any(
        len(secret.reveal()) < SECRET_KEY_LENGTH for secret in top["previous_secrets"]
    ):
        raise ConfigError(
            f"{raw.source}: each of previous_secrets must have at least {SECRET_KEY_LENGTH} characters, as secret_key has; "
            "write secrets that hold a comma as a JSON list"
        )
    if (raw := found.top.get("home")) and not raw.text and file is not None:
        top["home"] = file.absolute().parent / top["home"]  # a path in a file is meant from where the file lies
    sources = {name: raw.source for name, raw in found.top.items()}
    if "home" not in top and file is not None and named and _is_home(file.absolute().parent):
        top["home"], sources["home"] = file.absolute().parent, "the folder of the configuration file"
    decoded = {name: decode(struct, found.sections[name], environ, name) for name, struct in SECTIONS.items()}
    values: dict[str, Any] = {**top, **{name: section.value for name, section in decoded.items()}}
    config = Config(
        **values,
        choices={capability.value: _choice(found, capability) for capability in Capability},
        plugin_settings={name: dict(raws) for name, raws in found.plugin_settings.items()},
        environ=dict(environ),
        file=file,
        sources=sources,
    )
    shown = list(rows(_TOP.values(), config, config.sources))
    for name, struct in SECTIONS.items():
        sources = {row.key.rpartition(".")[2]: row.source for row in decoded[name].rows}
        # From the finished configuration, which has filled in what is derived from other keys.
        shown += rows(settings_of(struct), getattr(config, name), sources, name)
    return msgspec.structs.replace(config, rows=tuple(map(_derived, shown)))


def _choice(found: _Found, capability: Capability) -> Choice:
    options = {name: dict(raws) for name, raws in found.options.get(capability.value, {}).items()}
    raw = found.providers.get(capability.value)
    if raw is None:
        return Choice(DEFAULT_PROVIDERS[capability], "default", options)
    if not isinstance(raw.value, str) or not raw.value:
        raise ConfigError(
            f'{raw.source}: {capability}.provider must be the name of a provider, such as "{DEFAULT_PROVIDERS[capability]}"'
        )
    return Choice(raw.value, raw.source, options)


def _derived(row: Row) -> Row:
    if row.source != "default":
        return row
    reasons = {
        "server.public_url": "default, from server.host and server.port",
        "database.url": "default, in home",
        "secret_key": "not set: a single node keeps its own in home",
    }
    return Row(row.key, row.shown, reasons.get(row.key, row.source))


def _table(toml: TomlFile, value: Any, *key: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    name = ".".join(key)
    raise ConfigError(f"{toml.source(*key)}: {name} is a section: write [{name}] and its keys below")


def _did_you_mean(key: str, head: str) -> str:
    return f"did you mean {head}.provider? Or: " if nearest(key, ["provider"]) else ""


def _variables() -> list[str]:
    """The names that set the core's keys, without the prefix that all share."""
    names = [environment_name(name) for name in _TOP]
    names += [environment_name(head, s.name) for head, struct in SECTIONS.items() for s in settings_of(struct)]
    names += [environment_name(capability, "provider") for capability in _CAPABILITIES]
    return [name.removeprefix(PREFIX) for name in names]
