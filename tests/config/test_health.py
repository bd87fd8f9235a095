"""What is unwise in a configuration that loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from bharat.config import load
from bharat.config.health import examine_config
from bharat.contracts.check import Finding, Status

GOOD = "hQ4rTz8wLm2VxYpN6sKd9BcFgJ3uEaRi7oWt"


def found(folder: Path, text: str | None = None, **environ: str) -> dict[str, Finding]:
    file = None
    if text is not None:
        file = folder / "bharat.toml"
        file.write_text(text, encoding="utf-8")
        file.chmod(0o644)
    config = load(file, {"BHARAT_HOME": str(folder), **environ})
    findings = list(examine_config(config, config.describe(), folder / "secret.key"))
    worst_last = sorted(findings, key=lambda finding: finding.status != "ok")
    return {finding.about: finding for finding in worst_last}


@pytest.mark.parametrize(
    ("url", "expected"),
    [("https://crm.example.com", "ok"), ("http://localhost:8000", "ok"), ("http://crm.example.com", "failed")],
)
def test_browsers_come_by_https_but_for_this_machine(tmp_path: Path, url: str, expected: str) -> None:
    finding = found(tmp_path, BHARAT_SERVER__PUBLIC_URL=url)["public-url"]
    assert (finding.status, url in finding.detail) == (expected, True)


@pytest.mark.parametrize(
    ("secret", "expected"),
    [(GOOD, "ok"), ("x" * 40, "failed"), ("change-me-" * 4, "failed"), ("0123456789" * 4, "failed")],
)
def test_a_secret_that_can_be_guessed_is_told_and_not_shown(tmp_path: Path, secret: str, expected: str) -> None:
    finding = found(tmp_path, BHARAT_SECRET_KEY=secret)["secret"]
    assert finding.status == expected
    assert secret not in finding.detail + finding.remedy


def test_a_node_s_own_secret_is_its_owner_s_alone(tmp_path: Path) -> None:
    assert found(tmp_path)["secret"].detail.startswith("none yet")
    file = tmp_path / "secret.key"
    file.write_text(GOOD)
    file.chmod(0o600)
    assert found(tmp_path)["secret"].status is Status.OK
    file.chmod(0o640)
    assert found(tmp_path)["secret"].status is Status.FAILED
    file.chmod(0o600)
    file.write_text("short")
    assert found(tmp_path)["secret"].status is Status.FAILED


def test_a_file_with_secrets_that_others_may_read_is_told(tmp_path: Path) -> None:
    finding = found(tmp_path, f'secret_key = "{GOOD}"')["file"]
    assert finding.status is Status.DEGRADED
    assert "holds secret_key" in finding.detail
    assert GOOD not in finding.detail
    (tmp_path / "bharat.toml").chmod(0o600)
    config = load(tmp_path / "bharat.toml", {"BHARAT_HOME": str(tmp_path)})
    assert all(one.status is Status.OK for one in examine_config(config, config.describe(), tmp_path / "secret.key"))


def test_a_file_without_secrets_may_be_read(tmp_path: Path) -> None:
    assert found(tmp_path, "plugins = []", BHARAT_SECRET_KEY=GOOD)["file"].status is Status.OK
