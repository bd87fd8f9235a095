"""What a plugin may declare, and what is refused at the start with one line."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from bharat.contracts.errors import PluginError
from bharat.contracts.integrations import InboundWebhook, Integration
from bharat.integrations.declared import Declared

Secret = Annotated[str, Meta(extra={"secret": True})]


class Plain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str


class Inner(msgspec.Struct, frozen=True):
    token: Secret
    more: list[Inner] = []


class Nested(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    accounts: list[Inner]


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pin: Annotated[int, Meta(extra={"secret": True})]


class Renamed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    api_token: str


class NoJson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: complex


class Wide(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Secret
    optional: Secret | None = None
    hosts: list[str] = []
    since: float = 1.5


def handle(job: Any, delivery: Any) -> None:
    """Nothing."""


def declare(**more: Any) -> Declared:
    return Declared("sample", Integration(**{"name": "help_desk", "label": "Help desk", "settings": Plain, **more}))


@pytest.mark.parametrize("name", ["", "Desk", "help-desk", "1desk", "help/desk", "a" * 49, "desk\n"])
def test_a_name_is_part_of_a_path(name: str) -> None:
    with pytest.raises(PluginError, match="misnamed"):
        declare(name=name)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Nested, "a secret inside 'accounts' would be stored as it is"),
        (Number, "the secret 'pin' must be a text"),
        (Renamed, "renames the field 'api_token' to 'apiToken'"),
        (NoJson, "settings that JSON can't hold"),
    ],
)
def test_settings_that_cant_be_kept_are_refused(settings: type[msgspec.Struct], told: str) -> None:
    with pytest.raises(PluginError, match=told):
        declare(settings=settings)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"max_body": 0}, "takes bodies of 0 bytes"),
        ({"max_body": 26 * 1024 * 1024}, "choose 1 to 26214400"),
        ({"burst": 0}, "burst and per_second must be positive"),
        ({"per_second": 0.0}, "burst and per_second must be positive"),
        ({"headers": ("X Event",)}, "'X Event', which is no header's name"),
    ],
)
def test_a_webhook_that_could_take_nothing_is_refused(more: dict[str, Any], told: str) -> None:
    with pytest.raises(PluginError, match=told):
        declare(webhook=InboundWebhook(handle=handle, **more))


def test_a_body_may_leave_secrets_out_and_keeps_the_defaults() -> None:
    declared = declare(settings=Wide)
    assert declared.secrets == {"token", "optional"}
    body: Any = msgspec.json.decode(b"{}", type=declared.body)
    assert (body.token, body.optional, body.hosts, body.since) == (msgspec.UNSET, msgspec.UNSET, [], 1.5)


def test_secrets_are_masked_in_every_repr() -> None:
    found: Any = declare(settings=Wide).fit({"hosts": ["a"]}, {"token": "hunter2"})
    assert found.token == "hunter2"
    assert "hunter2" not in repr(found)
    assert isinstance(found, Wide)
