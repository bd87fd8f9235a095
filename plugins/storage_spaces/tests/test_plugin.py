"""The plugin as the platform and its operator see it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bharat.cli import cli
from bharat.cli.base import Runtime, run
from bharat.contracts.check import Finding, Status
from bharat.contracts.storage import InvalidKey, StorageError
from bharat.testing.files import MEBI, keys, read
from bharat.testing.platform import ShiftableClock, SmallPlatform
from bharat_local_servers import RadosGateway
from bharat_storage_spaces import SpacesOptions, bharat_storage, client, copies, health, lifecycle, parts
from bharat_storage_spaces.health import examine
from bharat_storage_spaces.storage import SpacesStorage
from plugins.storage_spaces.tests.faulty_way import FaultyWay

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

Build = Callable[..., SpacesStorage]
RIGHT: dict[str, Any] = {"bucket": "files", "key": "k", "secret": "s"}


def test_it_offers_a_provider_that_nodes_can_share(options: SpacesOptions, platform: SmallPlatform) -> None:
    (offered,) = bharat_storage()
    assert (offered.name, offered.shared) == ("spaces", True)
    built = offered.build(options, platform)
    assert isinstance(built, SpacesStorage)
    built.close()


def test_the_driver_is_not_imported_before_the_provider_is_built() -> None:
    code = (
        "import sys, bharat_storage_spaces as p; p.bharat_commands(); p.SpacesOptions(bucket='files', key='k', secret='s'); "
        "sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# Options.


def test_every_option_is_described() -> None:
    for field in msgspec.structs.fields(SpacesOptions):
        assert "description=" in str(field.type), field.name


def test_the_region_s_spaces_are_the_default() -> None:
    assert SpacesOptions(**RIGHT, region="fra1").endpoint_url == "https://fra1.digitaloceanspaces.com"
    assert SpacesOptions(**RIGHT, endpoint="http://127.0.0.1:9000/").endpoint_url == "http://127.0.0.1:9000"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("bucket", "Files"),
        ("bucket", "a"),
        ("bucket", "https://files.fra1.digitaloceanspaces.com"),
        ("key", ""),
        ("key", "pasted\n"),
        ("secret", ""),
        ("secret", "two words"),
        ("region", "Frankfurt 1"),
        ("endpoint", "s3.example.com"),
        ("endpoint", "https://s3.example.com/files"),
        ("endpoint", "https://key:word@s3.example.com"),
        ("endpoint", "ftp://s3.example.com"),
        ("endpoint", "https://s3.example.com:0"),
        ("prefix", "bharat"),
        ("prefix", "/bharat/"),
        ("prefix", "../"),
        ("prefix", ".uploads/"),
        ("cdn_url", "files.example.com"),
        ("part_size", 5 * MEBI - 1),
        ("part_size", 1024 * MEBI),
        ("concurrency", 0),
        ("concurrency", 33),
        ("pool_size", 0),
        ("connect_timeout", 0),
        ("read_timeout", -1),
        ("max_attempts", 0),
        ("patience", 0),
    ],
)
def test_a_value_that_can_t_be_is_refused(option: str, value: Any) -> None:
    """By its name too: tests/docs/test_options.py asks for that of every option."""
    with pytest.raises(msgspec.ValidationError, match=rf"`\$\.{option}`") as told:
        msgspec.convert({**RIGHT, option: value}, SpacesOptions)
    assert "word" not in str(told.value)


def test_an_endpoint_that_names_the_bucket_too_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="endpoint names the bucket too"):
        msgspec.convert({**RIGHT, "endpoint": "https://files.fra1.digitaloceanspaces.com"}, SpacesOptions)


def test_the_customary_names_configure_it(
    tmp_path: Path, gateway: RadosGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    said = command(tmp_path, {**environment(gateway, "files"), "SPACES_REGION": "fra1"}, "config", capsys=capsys)
    assert "files" in said
    assert "fra1" in said
    assert gateway.secret_key not in said


# Edges of S3.


def test_a_key_that_is_longer_than_s3_s_names_is_refused(build: Build) -> None:
    storage = build(prefix="bharat/")
    fits = "/".join(["a" * 127] * 7 + ["a" * 121])
    assert len(fits) == 1024 - len("bharat/")
    storage.put(fits, [b"x"])
    assert keys(storage.list()) == [fits]
    with pytest.raises(InvalidKey, match="1024"):
        storage.put(f"{fits}a", [b"x"])


@pytest.mark.parametrize(
    "content_type", ["", "text/pläin", "text/plain\r\nX-Other: 1", " text/plain", "a/" + "b" * 300]
)
def test_any_content_type_is_kept(storage: SpacesStorage, content_type: str) -> None:
    storage.put("a", [b"x"], content_type=content_type)
    assert storage.stat("a").content_type == content_type


@pytest.mark.parametrize("filename", ["報" * 255, "🗂" * 255, "\udcff lone", ""])
def test_any_display_name_of_a_file_system_is_kept(storage: SpacesStorage, filename: str) -> None:
    storage.put("a", [b"x"], filename=filename)
    assert storage.stat("a").filename == filename


def test_a_file_of_exactly_a_part_and_of_more_parts_than_a_pool_is_whole(build: Build) -> None:
    storage = build(concurrency=1)
    for size in (5 * MEBI, 5 * MEBI + 1, 10 * MEBI, 16 * MEBI):
        content = (size.to_bytes(8, "big") * (size // 8 + 1))[:size]
        storage.put("a", [content])
        assert read(storage, "a") == content


def test_a_copy_of_more_than_is_copied_at_once_goes_in_parts(
    storage: SpacesStorage, raw: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "AT_ONCE", 5 * MEBI)
    content = bytes(range(256)) * (13 * 4096)
    storage.put("a", [content], filename="ü", content_type="text/csv")
    assert raw.head_object(Bucket=storage.options.bucket, Key="a")["ETag"].endswith('-3"')
    assert read(storage, "a") == content
    file = storage.stat("a")
    assert (file.filename, file.content_type) == ("ü", "text/csv")


def test_a_file_of_too_many_parts_is_refused_and_leaves_nothing(
    storage: SpacesStorage, raw: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_MOST_PARTS", 2)
    with pytest.raises(StorageError, match=r"storage\.spaces\.part_size"):
        storage.put("a", [bytes(11 * MEBI)])
    assert "Uploads" not in raw.list_multipart_uploads(Bucket=storage.options.bucket)
    assert keys(storage.list()) == []


def bulk_delete_sends(storage: SpacesStorage, way: FaultyWay) -> set[str]:
    """The names of the headers of a sweep's request to delete."""
    fetched = storage.presign_put(expires=timedelta(minutes=1), content_type="text/csv", max_size=1)
    storage.bucket.ask(storage.bucket.client.put_object, Key=f".uploads/{fetched.upload}", Body=b"x")
    assert storage.sweep(older_than=timedelta(seconds=-5)) == 1
    (asked,) = [each for each in way.asked if each.method == "POST"]
    return {name.lower() for name in asked.headers}


def test_a_bulk_delete_carries_the_checksum_that_every_server_knows(build: Build, way: FaultyWay) -> None:
    """Protected by `_send_md5`."""
    sent = bulk_delete_sends(build(endpoint=way.url), way)
    assert "content-md5" in sent
    assert not [name for name in sent if "checksum" in name]


def test_mutant_that_leaves_it_to_the_driver_sends_crc_alone(
    build: Build, way: FaultyWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_WANTS_MD5", ())
    sent = bulk_delete_sends(build(endpoint=way.url), way)
    assert "content-md5" not in sent
    assert [name for name in sent if "checksum" in name]


def test_a_sweep_passes_over_many_pages(build: Build, raw: S3Client) -> None:
    storage = build(read_timeout=10)
    bucket = storage.options.bucket
    for number in range(1005):
        raw.put_object(Bucket=bucket, Key=f".uploads/{number:032x}", Body=b"")
    for number in range(3):
        raw.create_multipart_upload(Bucket=bucket, Key=f"a{number}")
        raw.create_multipart_upload(Bucket=bucket, Key=f"not ours {number}")
    assert storage.sweep(older_than=timedelta(seconds=-5)) == 1008
    assert storage.sweep(older_than=timedelta(seconds=-5)) == 0
    assert len(raw.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 3


# Under gevent.

COOPERATES = """
import sys
if sys.argv[2] == "patched":
    from gevent import monkey
    monkey.patch_all()
import time
import gevent
import msgspec
from bharat_storage_spaces import SpacesOptions
from bharat_storage_spaces.storage import SpacesStorage

storage = SpacesStorage(msgspec.json.decode(sys.argv[1], type=SpacesOptions), None)
began = time.monotonic()
gevent.joinall([gevent.spawn(storage.stat, "a") for _ in range(15)], raise_error=True)
took = time.monotonic() - began
storage.put("large", [bytes(12 * 1024 * 1024)])
assert sum(map(len, storage.open("large").chunks)) == 12 * 1024 * 1024
print(took)
"""


def seconds_of_fifteen_calls(storage: SpacesStorage, way: FaultyWay, kind: str) -> float:
    storage.put("a", [b"x"])
    way.faults.delay = 0.3
    words = [msgspec.json.encode(storage.options).decode(), kind]
    done = subprocess.run(
        [sys.executable, "-c", COOPERATES, *words], check=True, capture_output=True, text=True, timeout=60
    )
    return float(done.stdout)


def test_greenlets_wait_for_the_s3_side_by_side(build: Build, way: FaultyWay) -> None:
    assert seconds_of_fifteen_calls(build(endpoint=way.url, read_timeout=10), way, "patched") < 3


def test_mutant_that_is_not_patched_lets_them_wait_in_turn(build: Build, way: FaultyWay) -> None:
    assert seconds_of_fifteen_calls(build(endpoint=way.url, read_timeout=10), way, "unpatched") > 4.4


# The provider's check.


def found(storage: SpacesStorage, platform: SmallPlatform) -> dict[str, Finding]:
    findings = list(examine(storage, platform))
    assert len({each.about for each in findings}) == len(findings)
    return {each.about: each for each in findings}


def test_a_private_bucket_that_serves_is_well(storage: SpacesStorage, platform: SmallPlatform) -> None:
    findings = found(storage, platform)
    assert {about: each.status for about, each in findings.items()} == {
        "access": Status.OK,
        "privacy": Status.OK,
        "clock": Status.OK,
    }
    assert storage.bucket.page("", "").objects == []


def test_a_bucket_that_anybody_can_read_is_a_failure(
    storage: SpacesStorage, raw: S3Client, platform: SmallPlatform
) -> None:
    """Protected by `_public` in `health.examine`."""
    bucket = storage.options.bucket
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    raw.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    privacy = found(storage, platform)["privacy"]
    assert privacy.status is Status.FAILED
    assert "anybody can read files" in privacy.detail
    assert "policy is public" in privacy.detail
    assert bucket in privacy.remedy


def test_a_bucket_that_anybody_can_list_is_a_failure(
    storage: SpacesStorage, raw: S3Client, platform: SmallPlatform
) -> None:
    raw.put_bucket_acl(Bucket=storage.options.bucket, ACL="public-read")
    privacy = found(storage, platform)["privacy"]
    assert (privacy.status, "ACL grants something to everybody" in privacy.detail) == (Status.FAILED, True)


def test_mutant_that_does_not_look_finds_a_public_bucket_well(
    storage: SpacesStorage, raw: S3Client, platform: SmallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    well = Finding(Status.OK, "not looked", about="privacy")
    monkeypatch.setattr(health, "_public", lambda bucket, name: well)
    with pytest.raises(AssertionError):
        test_a_bucket_that_anybody_can_read_is_a_failure(storage, raw, platform)


@pytest.mark.parametrize(
    ("apart", "status"), [(timedelta(seconds=20), Status.OK), (timedelta(minutes=5), Status.DEGRADED)]
)
def test_a_clock_that_is_wrong_is_told(
    storage: SpacesStorage, platform: SmallPlatform, clock: ShiftableClock, apart: timedelta, status: Status
) -> None:
    clock.advance(apart)
    told = found(storage, platform)["clock"]
    assert told.status is status
    assert ("NTP" in told.remedy) is (status is Status.DEGRADED)


def test_an_s3_that_is_away_or_refuses_is_a_failure(
    build: Build, storage: SpacesStorage, gateway: RadosGateway, platform: SmallPlatform
) -> None:
    access = found(build(secret="wrong"), platform)["access"]
    assert (access.status, "storage.spaces.secret" in access.detail) == (Status.FAILED, True)
    gateway.stop()
    access = found(storage, platform)["access"]
    assert (access.status, "does not answer" in access.detail) == (Status.FAILED, True)


# Lifecycle rules.


def environment(gateway: RadosGateway, bucket: str) -> dict[str, str]:
    return {
        "BHARAT_PLUGINS": "storage_spaces",
        "BHARAT_STORAGE__PROVIDER": "spaces",
        "BHARAT_STORAGE__SPACES__PATH_STYLE": "true",
        "SPACES_ENDPOINT": gateway.url,
        "SPACES_BUCKET": bucket,
        "SPACES_KEY": gateway.access_key,
        "SPACES_SECRET": gateway.secret_key,
    }


def command(home: Path, environ: dict[str, str], *words: str, capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    assert run(cli, list(words), runtime=Runtime(environ={"BHARAT_HOME": str(home), **environ})) == code
    said = capsys.readouterr()
    return said.out + said.err


def test_the_command_tells_and_adds_the_rules_and_keeps_others(
    options: SpacesOptions, raw: S3Client, gateway: RadosGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30}}
    raw.put_bucket_lifecycle_configuration(Bucket=options.bucket, LifecycleConfiguration={"Rules": [theirs]})  # type: ignore[list-item] # a rule
    environ = environment(gateway, options.bucket)

    said = command(tmp_path, environ, "spaces", "lifecycle", capsys=capsys, code=1)
    assert "bharat-unfinished" in said
    assert "bharat-uncompleted" in said
    assert len(raw.get_bucket_lifecycle_configuration(Bucket=options.bucket)["Rules"]) == 1

    assert "has the rules" in command(tmp_path, environ, "spaces", "lifecycle", "--apply", capsys=capsys)
    assert "has the rules" in command(tmp_path, environ, "spaces", "lifecycle", "--apply", capsys=capsys)
    assert '"missing": []' in command(tmp_path, environ, "spaces", "lifecycle", "--json", capsys=capsys)
    rules = raw.get_bucket_lifecycle_configuration(Bucket=options.bucket)["Rules"]
    assert sorted(rule["ID"] for rule in rules) == ["bharat-uncompleted", "bharat-unfinished", "theirs"]


def test_the_rules_touch_no_file(options: SpacesOptions) -> None:
    expiring = [rule for rule in lifecycle.rules(options) if "Expiration" in rule]
    assert [rule["Filter"]["Prefix"] for rule in expiring] == [".uploads/"]


def test_the_command_says_when_files_are_kept_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = command(tmp_path, {"BHARAT_PLUGINS": "storage_spaces"}, "spaces", "lifecycle", capsys=capsys, code=2)
    assert "storage.provider is 'folder'" in said
