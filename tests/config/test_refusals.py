"""Each refusal names the key, where it came from and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bharat.config import load
from bharat.contracts.errors import ConfigError

Write = Callable[[str], Path]


def refusal(environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as refused:
        load(None, environ or {})
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plugin = 3\n", "bharat.toml line 1: plugin is a section: write [plugin] and its keys below"),
        ('modes = "single"\n', "bharat.toml line 1: unknown key modes; did you mean mode?"),
        ("[server]\n\nprot = 1\n", "bharat.toml line 3: unknown key server.prot; did you mean server.port?"),
        ("[log]\nzzz = 1\n", "bharat.toml line 2: unknown key log.zzz; remove it; [log] takes format, level"),
        ("[servr]\nport = 1\n", "bharat.toml line 1: unknown key servr; did you mean server?"),
        ("server = 1\n", "bharat.toml line 1: server is a section: write [server] and its keys below"),
        (
            '[storage]\nprovidr = "x"\n',
            "bharat.toml line 2: unknown key storage.providr; did you mean storage.provider? Or: options of a provider stand under [storage.<name of the provider>]",
        ),
        ("[storage]\nprovider = 1\n", 'bharat.toml line 2: storage.provider must be the name of a provider, such as "folder"'),
        (
            '[server]\nport = "many"\n',
            "bharat.toml line 2: server.port must be a whole number, not a text. Meaning: the TCP port to listen on; 0 takes a free one (default 8000).",
        ),
        ("[server]\nport = 8000.5\n", "bharat.toml line 2: server.port must be a whole number, not 8000.5. Meaning: the TCP port to listen on; 0 takes a free one (default 8000)."),
        ("[database]\npool_size = 0\n", "bharat.toml line 2: database.pool_size must be a whole number >= 1. Meaning: connections per process, at most (default 5)."),
        ("[database]\nprepare = 1\n", "bharat.toml line 2: database.prepare must be true or false, not a whole number."),
        ('plugins = "crm"\n', "bharat.toml line 1: plugins must be a list, not a text."),
        ('plugins = ["crm", 2]\n', "bharat.toml line 1: plugins must be a text, not a whole number (item 2)."),
        ('mode = "clustre"\n', 'bharat.toml line 1: mode must be one of "single", "cluster".'),
        ('secret_key = "short"\n', "bharat.toml line 1: secret_key must have at least 32 characters; make one with"),
        ('[server]\npublic_url = "crm.example.com"\n', "[server] can't be used: public_url must be like https://crm.example.com"),
        ('[server]\ntrusted_proxies = ["10.0.0.1/8"]\n', "trusted_proxies holds a wrong network, 10.0.0.1/8 has host bits set"),
        ("[accounts]\nsession_idle = 99\nsession_absolute = 9\n", "[accounts] can't be used: session_idle must not be longer than session_absolute (set in bharat.toml line 2, bharat.toml line 3)"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_line_and_remedy(toml: Write, text: str, message: str) -> None:
    toml(text)
    assert message in refusal()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("BHARAT_SERVER__PRT", "1", "BHARAT_SERVER__PRT: this environment variable sets nothing; did you mean BHARAT_SERVER__PORT?"),
        ("BHARAT_ZZZZ", "1", "BHARAT_ZZZZ: this environment variable sets nothing; unset it, or see `bharat config`"),
        ("BHARAT_SERVER_PORT", "1", "did you mean BHARAT_SERVER__PORT?"),
        ("BHARAT_STORAGE__PROVIDR", "x", "did you mean BHARAT_STORAGE__PROVIDER?"),
        ("BHARAT_SERVER__PORT", "8o", "BHARAT_SERVER__PORT: server.port must be a whole number."),
        ("BHARAT_SERVER__PORT", "", "BHARAT_SERVER__PORT: server.port must be a whole number."),
        ("BHARAT_SERVER__PORT", "1e3", "BHARAT_SERVER__PORT: server.port must be a whole number."),
        ("BHARAT_WORKER__CLOCK", "yes", "BHARAT_WORKER__CLOCK: worker.clock must be true or false."),
        ("BHARAT_WORKER__POLL", "nan", "BHARAT_WORKER__POLL: worker.poll must be a number."),
        ("BHARAT_PLUGINS", "[crm", "BHARAT_PLUGINS: plugins must be valid JSON."),
        ("BHARAT_HOME", "", "BHARAT_HOME: home must be a text that is not empty."),
    ],
)  # fmt: skip
def test_a_wrong_variable_is_refused_by_its_name(name: str, value: str, message: str) -> None:
    assert message in refusal({name: value})


def test_a_file_that_is_not_toml_is_refused_with_the_place(toml: Write) -> None:
    path = toml("\nmode = = 1\n")
    assert refusal().startswith(f"{path.name} is not valid TOML: ")
    assert "line 2" in refusal()


def test_a_file_that_is_not_utf8_is_refused(folder: Path) -> None:
    (folder / "bharat.toml").write_bytes(b'home = "\xff"\n')
    assert "is not UTF-8 text" in refusal()
