"""What the embedded providers' checks find on a real file system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bharat.config.addresses import of_loopback
from bharat.contracts.check import Finding, Status
from bharat.contracts.mail import Message
from bharat.data.health import space
from bharat.local.folder import FolderStorage
from bharat.local.health import examine_console, examine_folder, examine_outbox
from bharat.local.mail import Console, Outbox
from bharat.local.options import FolderOptions, OutboxOptions
from bharat.testing.platform import SmallPlatform

PUBLIC = "https://crm.example.com"


@pytest.fixture
def storage(platform: SmallPlatform) -> FolderStorage:
    return FolderStorage(FolderOptions(), platform)


def found(storage: FolderStorage, platform: SmallPlatform) -> dict[str, Finding]:
    return {finding.about: finding for finding in examine_folder(storage, platform)}


def test_a_folder_of_our_own_is_in_order(storage: FolderStorage, platform: SmallPlatform) -> None:
    findings = found(storage, platform)
    assert {about: finding.status for about, finding in findings.items()} == {"folder": "ok", "space": "ok"}


def test_a_folder_that_others_may_look_into_is_told(storage: FolderStorage, platform: SmallPlatform) -> None:
    storage.root.chmod(0o755)
    finding = found(storage, platform)["folder"]
    assert (finding.status, finding.remedy) == (Status.DEGRADED, f"chmod o= {storage.root}")


def test_a_folder_that_is_gone_is_told(storage: FolderStorage, platform: SmallPlatform) -> None:
    storage.root.rename(storage.root.with_name("away"))
    findings = found(storage, platform)
    assert [(finding.status, finding.remedy) for finding in findings.values()] == [
        (Status.FAILED, "see that it is mounted")
    ]


# Root may write everywhere, so another user looks.
_AS_NOBODY = """
import os, sys
from pathlib import Path
from bharat.local.health import examine_folder
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
class Storage: root = Path(sys.argv[1])
for finding in examine_folder(Storage, None): print(finding.status.value, finding.about, finding.detail)
"""


def test_a_folder_that_can_t_be_written_is_told() -> None:
    folder = Path("/usr")  # root's on every machine, and closed to writing by others
    code = [sys.executable, "-c", _AS_NOBODY, str(folder)]
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"failed folder {folder} can't be written"


def test_a_disk_with_little_room_is_told(
    storage: FolderStorage, platform: SmallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "LITTLE", 2**60)
    assert found(storage, platform)["space"].status is Status.DEGRADED
    monkeypatch.setattr(space, "TOO_LITTLE", 2**60)
    assert found(storage, platform)["space"].status is Status.FAILED


@pytest.mark.parametrize(("public_url", "expected"), [("http://127.0.0.1:8000", "ok"), (PUBLIC, "degraded")])
def test_mails_that_nobody_receives_are_fit_for_development_alone(
    tmp_path: Path, public_url: str, expected: str
) -> None:
    platform = SmallPlatform(tmp_path, public_url=public_url)
    (printed,) = examine_console(Console(platform.clock), platform)
    (written,) = examine_outbox(Outbox(OutboxOptions(), platform), platform)
    for finding in (printed, written):
        assert finding.status == expected
        assert "nobody receives them" in finding.detail


def test_an_outbox_that_others_may_look_into_is_told(platform: SmallPlatform) -> None:
    outbox = Outbox(OutboxOptions(), platform)
    outbox.send(Message(message_id="1@here", sender="a@here", recipient="b@here", subject="", text=""))
    outbox.folder.chmod(0o755)
    findings = {finding.about: finding for finding in examine_outbox(outbox, platform)}
    assert findings["folder"].status is Status.DEGRADED


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("http://localhost", True),
        ("http://crm.localhost", True),
        ("http://127.0.0.1.example.com", False),
        ("http://10.0.0.1", False),
        (PUBLIC, False),
    ],
)
def test_an_address_of_this_machine_is_told_from_others(url: str, expected: bool) -> None:
    assert of_loopback(url) is expected
