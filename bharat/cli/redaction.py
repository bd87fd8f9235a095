"""Secrets kept out of what is printed, wherever a driver's message or a plugin's finding may have put them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote

import msgspec

from bharat.config import Config, settings_of
from bharat.config.secret import MASK
from bharat.contracts.provider import Capability
from bharat.plugins import Plugins

_SHORTEST = 4
"""Characters of what is worth hiding: less would black out words that happen to contain it."""
_USER_INFO = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#\s]*?:(?P<password>.*)@", re.DOTALL)


def redactor(config: Config, plugins: Plugins | None) -> Callable[[str], str]:
    """A function that masks every secret of the configuration in a text: keys, and passwords in URLs, whole and in the parts that
    a URL falls into when it is read wrongly."""
    secrets = {part for secret in _secrets(config, plugins) for part in _forms(secret) if len(part) >= _SHORTEST}
    longest_first = sorted(secrets, key=len, reverse=True)

    def redacted(text: str) -> str:
        for secret in longest_first:
            text = text.replace(secret, MASK)
        return text

    return redacted


def _secrets(config: Config, plugins: Plugins | None) -> Iterator[str]:
    for known in (config.secret_key, config.database.url, config.database.migration_url):
        if known is not None:
            yield known.reveal()
    for capability in Capability:
        # Of every provider that is configured: only its plugin, which may be what is broken, knows which keys are secret.
        for options in config.choice(capability).options.values():
            yield from (raw.value for raw in options.values() if isinstance(raw.value, str) and "://" in raw.value)
        if plugins is not None:
            yield from _of(plugins.chosen(capability).options)
    if plugins is not None:
        for name in plugins.names:
            yield from _of(plugins.settings(name))


def _of(struct: msgspec.Struct) -> Iterator[str]:
    for setting in settings_of(type(struct)):
        value = getattr(struct, setting.name)
        if setting.secret and isinstance(value, str):
            yield value


def _forms(secret: str) -> Iterator[str]:
    if "://" not in secret:
        yield secret
        return
    if found := _USER_INFO.match(secret):
        password = found["password"]
        for form in (password, unquote(password)):
            yield form
            yield from re.split(r"[@:/?#]", form)
