"""Enabling and disabling changes one list and nothing else."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

import pytest

from bharat.config.edit import add_plugin, remove_plugin, replace_file
from bharat.contracts.errors import ConfigError

INLINE = '# mine\nplugins = ["crm", "jobs_rq"]  # order matters\nmode = "single"\n\n[server]\nport = 1 # one\n'
LINES = """plugins = [
    "crm",  # the CRM
    # below: work
    'jobs_rq',
]
[log]
"""
NO_COMMA = 'plugins = [\n  "crm",\n  "jobs_rq" # work\n]\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (INLINE, INLINE.replace('"jobs_rq"]', '"jobs_rq", "x"]')),
        (LINES, LINES.replace("'jobs_rq',\n", "'jobs_rq',\n    \"x\",\n")),
        (NO_COMMA, NO_COMMA.replace('"jobs_rq" # work\n', '"jobs_rq", # work\n  "x"\n')),
        ("plugins = []\n", 'plugins = ["x"]\n'),
        ("plugins=[ ]", 'plugins=["x" ]'),
        ("plugins = [ # none yet\n]\n", 'plugins = ["x" # none yet\n]\n'),
        ("# hello\n\n[server]\nport = 1\n", '# hello\n\nplugins = ["x"]\n\n[server]\nport = 1\n'),
        ("", 'plugins = ["x"]\n'),
        ('mode = "single"', 'mode = "single"\nplugins = ["x"]\n'),
        ("# plugins = []\n", '# plugins = []\nplugins = ["x"]\n'),
        ('[plugin.a]\nplugins = ["no"]\n', 'plugins = ["x"]\n\n[plugin.a]\nplugins = ["no"]\n'),
    ],
)
def test_a_plugin_is_added_at_the_end(before: str, after: str) -> None:
    assert add_plugin(before, "x") == after


@pytest.mark.parametrize(
    ("before", "name", "after"),
    [
        (INLINE, "crm", INLINE.replace('"crm", ', "")),
        (INLINE, "jobs_rq", INLINE.replace(', "jobs_rq"', "")),
        (LINES, "crm", LINES.replace('    "crm",  # the CRM\n', "")),
        (LINES, "jobs_rq", LINES.replace("    'jobs_rq',\n", "")),
        (NO_COMMA, "jobs_rq", NO_COMMA.replace('  "jobs_rq" # work\n', "")),
        ('plugins = ["crm"]\n', "crm", "plugins = []\n"),
        ('plugins = [ "crm" , "b" ]\n', "crm", 'plugins = [ "b" ]\n'),
    ],
)
def test_a_plugin_is_removed_with_its_comment(before: str, name: str, after: str) -> None:
    assert remove_plugin(before, name) == after


@pytest.mark.parametrize("text", [INLINE, LINES, NO_COMMA, "plugins = []\n", "plugins = [ # none\n]\n"])
def test_adding_and_removing_leaves_what_the_file_says(text: str) -> None:
    assert tomllib.loads(remove_plugin(add_plugin(text, "x"), "x")) == tomllib.loads(text)


@pytest.mark.parametrize("text", [INLINE, LINES, NO_COMMA, "# hello\n\n[server]\nport = 1\n", 'mode = "single"\n'])
def test_a_file_with_windows_line_ends_keeps_them(text: str) -> None:
    def crlf(unix: str) -> str:
        return unix.replace("\n", "\r\n")

    added = add_plugin(text, "x")
    assert add_plugin(crlf(text), "x") == crlf(added)
    assert remove_plugin(crlf(added), "x") == crlf(remove_plugin(added, "x"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("plugins = \"crm\"\n", "`plugins` is not a list of names"),
        ("plugins = [\n", "it is not valid TOML"),
        ('"plugins" = ["crm"]\n', "isn't written as `plugins = [...]`"),
        ('x = """\nplugins = ["a"]\n"""\n"plugins" = ["b"]\n', "can't be edited safely"),
    ],
)  # fmt: skip
def test_what_cannot_be_edited_safely_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=r"can't be changed by this command.*edit it by hand") as refused:
        add_plugin(text, "x")
    assert reason in str(refused.value)


def test_a_name_written_as_a_long_text_is_left_to_be_removed_by_hand() -> None:
    with pytest.raises(ConfigError, match="edit it by hand"):
        remove_plugin('plugins = ["""crm"""]\n', "crm")


def test_removing_a_plugin_that_is_not_enabled_says_which_are() -> None:
    with pytest.raises(ConfigError, match=r"plugin 'x' is not enabled; enabled: crm, jobs_rq"):
        remove_plugin(INLINE, "x")


def test_replacing_a_file_keeps_its_permissions_and_follows_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_text("old")
    real.chmod(0o600)
    link = tmp_path / "bharat.toml"
    link.symlink_to(real)
    replace_file(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["bharat.toml", "real.toml"]


def test_a_new_file_is_for_its_owner_alone_unless_another_is_its_model(tmp_path: Path) -> None:
    model = tmp_path / "model.toml"
    model.write_text("")
    model.chmod(0o640)
    for path, like, mode in (("new", None, 0o600), ("like it", model, 0o640), ("none", tmp_path / "no", 0o600)):
        replace_file(tmp_path / path, "x", like=like)
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == mode


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bharat.toml"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["bharat.toml"]
