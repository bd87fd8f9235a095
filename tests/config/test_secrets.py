"""No secret is ever shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bharat.config import HiddenText, Secret, load, shown
from bharat.contracts.errors import ConfigError

SECRETS = {
    "BHARAT_SECRET_KEY": "hunter2-hunter2-hunter2-hunter2-hunter2",
    "DATABASE_URL": "postgresql://role:hunter2@db.example.com/crm?password=hunter2",
    "BHARAT_DATABASE__MIGRATION_URL": "postgresql://owner:hunter2@p@db.example.com/crm",
    "BHARAT_STORAGE__SPACES__SECRET": "hunter2",
}


def test_no_text_of_the_configuration_holds_a_secret() -> None:
    config = load(None, SECRETS)
    texts = [repr(config), str(config), repr(config.database), f"{config.database.url}", f"{config.secret_key!r}"]
    texts += [repr(config.choices), repr(config.rows), repr(config.describe())]
    assert not [text for text in texts if "hunter2" in text]


def test_the_value_is_there_for_whoever_asks_for_it() -> None:
    config = load(None, SECRETS)
    assert config.secret_key is not None
    assert config.secret_key.reveal() == SECRETS["BHARAT_SECRET_KEY"]
    assert config.database.url.reveal() == SECRETS["DATABASE_URL"]


def test_a_database_url_shows_its_host_and_hides_its_password() -> None:
    rows = {row.key: row.shown for row in load(None, SECRETS).describe()}
    assert rows["database.url"] == "postgresql://role:********@db.example.com/crm?password=********"
    assert rows["database.migration_url"] == "postgresql://owner:********@db.example.com/crm"
    assert rows["secret_key"] == "********"
    assert rows["storage.spaces.secret"] == "(set)"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("redis://:pa:ss@h:6379/0", "redis://:********@h:6379/0"),
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("https://hooks.example.com/T0/secret", "********"),
        ("postgresql://r:a/b?c@d@h/x", "postgresql://r:********@h/x"),
    ],
)
def test_a_secret_shows_at_most_where_a_store_is(value: str, text: str) -> None:
    assert shown(value, secret=True) == text


def test_a_url_with_a_password_is_masked_even_when_nobody_said_it_is_secret() -> None:
    assert shown(["smtp://u:hunter2@h"]) == "[smtp://u:********@h]"


@pytest.mark.parametrize(
    "environ",
    [
        {"DATABASE_URL": "host=db password=hunter2"},
        {"DATABASE_URL": "mysql://u:hunter2@h/x"},
        {"BHARAT_SECRET_KEY": "hunter2"},
    ],
)
def test_an_error_about_a_secret_does_not_quote_it(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as refused:
        load(None, environ)
    assert "hunter2" not in str(refused.value)


def test_a_wrong_type_of_secret_in_the_file_is_not_quoted(toml: Callable[[str], Path]) -> None:
    toml("secret_key = 4242424242\n")
    with pytest.raises(ConfigError, match=r"bharat.toml line 1: secret_key must be a text") as refused:
        load(None, {})
    assert "4242" not in str(refused.value)


def test_a_hidden_text_is_the_plain_text_to_a_driver_and_masked_in_repr() -> None:
    hidden = HiddenText("hunter2")
    assert hidden == "hunter2"
    assert "hunter2" not in repr({"key": hidden})


def test_secrets_compare_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert not Secret("")
