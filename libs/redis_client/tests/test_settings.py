"""What a user says of a server becomes how to connect; what can't be used is refused as it is read."""

from __future__ import annotations

import msgspec
import pytest

from bharat_redis import RedisSettings


def test_everything_that_is_said_reaches_the_connection() -> None:
    said = {
        "url": "redis://host:7000/1",
        "prefix": "p:",
        "connect_timeout": 0.1,
        "read_timeout": 0.2,
        "pool_timeout": 0.3,
        "pool_size": 4,
    }
    options = msgspec.convert(said, RedisSettings).connection("bharat-test")
    assert {name: getattr(options, name) for name in said} == said
    assert options.client_name == "bharat-test"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", "http://host"), ("url", "redis://"), ("connect_timeout", 0), ("read_timeout", -1), ("pool_size", 0),
        ("pool_timeout", 0), ("prefix", 1), ("unknown", 1),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused(name: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"url": "redis://host", name: value}, RedisSettings)


def test_every_key_is_described() -> None:
    for field in msgspec.structs.fields(RedisSettings):
        assert "description=" in str(field.type), field.name
