"""`bharat plugins`: showing, enabling and disabling."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bharat.cli import cli
from bharat.cli.base import Runtime, run
from tests.fixtures.distributions import Distributions

Bharat = Callable[..., Any]

TAPE = """
import msgspec
from typing import Annotated
from bharat.contracts.provider import Provider
class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: Annotated[str, msgspec.Meta(description="where the tape is", extra={"env": ("TAPE_URL",), "secret": True})] = "tape://u:hunter2@h"
    size: int = 4
@hookimpl
def bharat_storage(): return [Provider("tape", Options, print, True, "Files on tape")]
"""


@pytest.fixture
def toml(folder: Path) -> Path:
    return folder / "bharat.toml"


@pytest.fixture(autouse=True)
def tape(distributions: Distributions) -> None:
    distributions.add("tape", TAPE, version="1.2")


def test_the_list_shows_enabled_and_installed_plugins(bharat: Bharat, toml: Path, distributions: Distributions) -> None:
    distributions.add("spare")
    toml.write_text('plugins = ["tape"]\n')
    outcome = bharat("plugins")
    rows = {line.split()[1]: line.split() for line in outcome.out.splitlines()[1:] if line[0].isdigit()}
    assert rows["local"][:4] == ["1", "local", "built", "in"]
    assert rows["tape"][:5] == ["2", "tape", "enabled", "1.2", "storage:tape"]
    assert any(line.split()[:2] == ["spare", "installed"] for line in outcome.out.splitlines())
    assert not distributions.imported("spare")
    assert outcome.err == ""


def test_the_list_shows_a_broken_plugin_as_broken(bharat: Bharat, toml: Path, distributions: Distributions) -> None:
    distributions.add("broken", "raise OSError('bad disk')")
    toml.write_text('plugins = ["broken", "tape"]\n')
    outcome = bharat("plugins")
    assert outcome.code == 0
    row = outcome.out.partition("\n2 ")[2]
    assert row.split()[:2] == ["broken", "broken"]
    assert "OSError: bad disk" in " ".join(row.split())
    assert any(line.split()[:3] == ["3", "tape", "enabled"] for line in outcome.out.splitlines())
    assert "bharat: warning: Bharat would not start with this: plugin 'broken'" in outcome.err


def test_one_plugin_is_shown_with_its_options(bharat: Bharat, toml: Path) -> None:
    toml.write_text('plugins = ["tape"]\n')
    text = " ".join(bharat("plugins", "tape").out.split())
    assert "tape: enabled distribution bharat-tape 1.2 order 2 hooks bharat_storage" in text
    assert "[storage.tape] Files on tape (shared between nodes)" in text
    assert "url a text; default ********; secret; TAPE_URL where the tape is size a whole number; default 4" in text


def test_json_is_whole_and_masked(bharat: Bharat, toml: Path) -> None:
    toml.write_text('plugins = ["tape"]\n')
    for arguments in (("plugins", "tape", "--json"), ("plugins", "--json", "tape")):
        report = json.loads(bharat(*arguments).out)
        assert (report["name"], report["providers"][0]["options"][0]["default"]) == ("tape", "********")
    listed = json.loads(bharat("plugins", "--json").out)
    assert {"local", "tape"} <= {report["name"] for report in listed["plugins"]}
    assert listed["problem"] == ""


def test_an_unknown_plugin_is_an_error_with_a_guess(bharat: Bharat) -> None:
    outcome = bharat("plugins", "tap")
    assert (outcome.code, outcome.err) == (
        2,
        "bharat: error: no plugin 'tap' is installed or enabled; did you mean tape?\n",
    )


def test_enabling_writes_the_list_and_keeps_comments(bharat: Bharat, toml: Path) -> None:
    toml.write_text("# mine\nplugins = []  # none yet\n[server]\nport = 1\n")
    outcome = bharat("plugins", "enable", "tape")
    assert outcome.code == 0
    assert outcome.out.startswith("Enabled tape in bharat.toml.")
    assert toml.read_text() == '# mine\nplugins = ["tape"]  # none yet\n[server]\nport = 1\n'
    assert bharat("plugins", "enable", "tape").out == "Plugin tape is enabled already.\n"


def test_enabling_without_a_file_makes_one_in_home(bharat: Bharat, folder: Path) -> None:
    assert bharat("plugins", "enable", "tape", BHARAT_HOME="state").code == 0
    assert (folder / "state" / "bharat.toml").read_text() == 'plugins = ["tape"]\n'


def test_line_ends_and_permissions_stay_as_they_are(bharat: Bharat, toml: Path) -> None:
    text = b"# mine\r\nplugins = []\r\n"
    toml.write_bytes(text)
    toml.chmod(0o640)
    bharat("plugins", "enable", "tape")
    assert toml.read_bytes() == text.replace(b"[]", b'["tape"]')
    bharat("plugins", "disable", "tape")
    assert toml.read_bytes() == text
    assert stat.S_IMODE(toml.stat().st_mode) == 0o640


@pytest.mark.parametrize("command", ["enable", "disable"])
def test_the_trial_of_a_new_configuration_is_no_more_readable_than_the_old(
    bharat: Bharat, toml: Path, distributions: Distributions, command: str
) -> None:
    """A plugin looks, which is asked during the trial what it offers."""
    names = ["looks", "tape"] if command == "disable" else ["looks"]
    toml.write_text(f"plugins = {json.dumps(names)}\n")
    toml.chmod(0o600)
    seen = toml.with_name("seen")
    distributions.add(
        "looks",
        f"""
        from pathlib import Path
        @hookimpl
        def bharat_storage():
            for path in Path({str(toml.parent)!r}).glob(".new.*"):
                Path({str(seen)!r}).write_text(oct(path.stat().st_mode & 0o777))
            return []
        """,
    )
    outcome = bharat("plugins", command, "tape")
    assert outcome.code == 0
    assert seen.read_text() == "0o600"


def test_enabling_what_would_not_start_changes_nothing(
    bharat: Bharat, toml: Path, distributions: Distributions
) -> None:
    distributions.add("broken", "raise OSError('bad disk')")
    toml.write_text("plugins = []\n")
    outcome = bharat("plugins", "enable", "broken")
    assert outcome.code == 2
    assert "plugin 'broken' (bharat-broken 1.0) is broken: OSError: bad disk" in outcome.err
    assert toml.read_text() == "plugins = []\n"
    assert sorted(path.name for path in toml.parent.iterdir()) == ["bharat.toml", "installed"]


def test_disabling_takes_the_name_out(bharat: Bharat, toml: Path) -> None:
    toml.write_text('plugins = [\n  "tape",  # slow\n]\n')
    outcome = bharat("plugins", "disable", "tape")
    assert (outcome.code, outcome.err) == (0, "")
    assert toml.read_text() == "plugins = [\n]\n"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ('[storage]\nprovider = "tape"\n', "bharat.toml line 3: storage.provider is 'tape', which no enabled plugin offers"),
        ("[storage.tape]\nsize = 1\n", "bharat.toml line 3: [storage.tape] configures a provider that no enabled plugin"),
        ("[plugin.tape]\n", ""),
    ],
)  # fmt: skip
def test_disabling_what_is_in_use_is_refused(bharat: Bharat, toml: Path, more: str, reason: str) -> None:
    text = f'plugins = ["tape"]\n{more}'
    toml.write_text(text)
    outcome = bharat("plugins", "disable", "tape")
    assert outcome.code == 2
    assert outcome.err.startswith(
        f"bharat: error: plugin 'tape' can't be disabled, because the configuration uses it: {reason}"
    )
    assert toml.read_text() == text


def test_a_broken_plugin_can_be_disabled(bharat: Bharat, toml: Path, distributions: Distributions) -> None:
    distributions.add("broken", "raise OSError('bad disk')")
    toml.write_text('plugins = ["broken", "tape"]\n')
    assert bharat("plugins", "disable", "broken").code == 0
    assert toml.read_text() == 'plugins = ["tape"]\n'


def test_of_two_broken_plugins_one_can_be_disabled_after_the_other(bharat: Bharat, toml: Path) -> None:
    toml.write_text('plugins = ["gone", "lost"]\n')
    outcome = bharat("plugins", "disable", "gone")
    assert outcome.code == 0
    assert "bharat: warning: Bharat still would not start: plugin 'lost' is enabled and not installed" in outcome.err
    assert bharat("plugins", "disable", "lost").err == ""
    assert toml.read_text() == "plugins = []\n"


def test_a_plugin_can_be_disabled_while_another_key_is_wrong(bharat: Bharat, toml: Path) -> None:
    toml.write_text('plugins = ["tape"]\n[server]\nprt = 1\n')
    outcome = bharat("plugins", "disable", "tape")
    assert outcome.code == 0
    assert "unknown key server.prt" in outcome.err
    assert toml.read_text().startswith("plugins = []\n")


def test_a_list_from_the_environment_is_not_edited(bharat: Bharat) -> None:
    outcome = bharat("plugins", "enable", "tape", BHARAT_PLUGINS="")
    assert (outcome.code, outcome.err) == (
        2,
        "bharat: error: BHARAT_PLUGINS decides which plugins are enabled; change that variable, or unset it\n",
    )


def test_disabling_what_is_not_enabled_is_an_error(bharat: Bharat, toml: Path) -> None:
    toml.write_text('plugins = ["tape"]\n')
    assert bharat("plugins", "disable", "crm").err == "bharat: error: plugin 'crm' is not enabled; enabled: tape\n"


def test_enabling_what_is_not_installed_says_so_with_a_guess(bharat: Bharat, toml: Path) -> None:
    toml.write_text("plugins = []\n")
    outcome = bharat("plugins", "enable", "tapes")
    assert (outcome.code, outcome.err) == (
        2,
        "bharat: error: plugin 'tapes' is not installed; did you mean 'tape'?\n",
    )
    assert toml.read_text() == "plugins = []\n"


def test_a_refusal_to_disable_does_not_advise_to_enable(bharat: Bharat, toml: Path) -> None:
    toml.write_text('plugins = ["tape"]\n[storage]\nprovider = "tape"\n')
    outcome = bharat("plugins", "disable", "tape")
    assert outcome.code == 2
    assert "Installed and not enabled" not in outcome.err
    assert "which no enabled plugin offers; available: " in outcome.err


@pytest.mark.parametrize("home", ["/proc/x", "file"])
@pytest.mark.parametrize("command", [("plugins", "enable", "tape"), ("migrate",), ("dev",)])
def test_a_home_that_can_t_be_is_told_in_one_line(
    bharat: Bharat, folder: Path, home: str, command: tuple[str, ...]
) -> None:
    (folder / "file").touch()
    outcome = bharat(*command, BHARAT_HOME=home, BHARAT_SERVER__PORT="0")
    assert outcome.code == 2
    assert outcome.err.startswith("bharat: error: ")
    assert outcome.err.count("\n") == 1
    assert "unexpected" not in outcome.err
    assert home in outcome.err


def test_a_home_that_can_t_be_written_is_told(bharat: Bharat, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The superuser, whom permissions do not bind, may run the tests: the system's answer is given for it."""
    home = folder / "home"
    home.mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != home)
    outcome = bharat("migrate", BHARAT_HOME=str(home))
    assert outcome.code == 2
    assert f"the folder {home} of the SQLite database can't be written to" in outcome.err


def test_the_list_fits_100_columns_and_counts_one_as_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli, ["plugins"], runtime=Runtime(environ={})) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert any("1 job, 1 cron entry" in line for line in lines)


def test_only_a_plugin_with_tables_asks_for_a_migration(
    bharat: Bharat, toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enabled, chosen = bharat("plugins", "enable", "tape").out.splitlines()
    assert enabled.endswith(". Start Bharat again.")
    assert chosen == 'It is used once it is chosen: [storage] provider = "tape"'
    assert run(cli, ["plugins", "enable", "crm"], runtime=Runtime(environ={})) == 0
    assert capsys.readouterr().out.endswith(". Run `bharat migrate`, then start Bharat again.\n")
