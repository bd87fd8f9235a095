"""The bucket's own rules against leftovers: a second net under the daily sweep, for when no Bharat runs any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from bharat_storage_spaces.bucket import UPLOADS

if TYPE_CHECKING:
    from bharat_storage_spaces.bucket import Bucket
    from bharat_storage_spaces.options import SpacesOptions

DAYS = 2
"""A day more than the sweep gives an upload: S3 counts whole days, from midnight."""
_NONE = frozenset({"NoSuchLifecycleConfiguration"})

Rule = Mapping[str, Any]


def rules(options: SpacesOptions) -> Sequence[Rule]:
    """The rules of this installation. None of them touches a complete file."""
    prefix = options.prefix
    return [
        {
            "ID": f"bharat-unfinished {prefix}".strip(),
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": DAYS},
        },
        {
            "ID": f"bharat-uncompleted {prefix}".strip(),
            "Status": "Enabled",
            "Filter": {"Prefix": f"{prefix}{UPLOADS}"},
            "Expiration": {"Days": DAYS},
        },
    ]


def missing(bucket: Bucket) -> Sequence[Rule]:
    """Those of our rules that the bucket does not have. Raises `StorageUnavailable`."""
    there = _present(bucket)
    return [rule for rule in rules(bucket.options) if not any(_same(rule, other) for other in there)]


def apply(bucket: Bucket) -> None:
    """Give the bucket our rules beside those that it has; S3 replaces all of them at once. Raises `StorageUnavailable`."""
    own = rules(bucket.options)
    ids = {rule["ID"] for rule in own}
    others = [rule for rule in _present(bucket) if rule.get("ID") not in ids]
    bucket.ask(bucket.client.put_bucket_lifecycle_configuration, LifecycleConfiguration={"Rules": [*others, *own]})


def _present(bucket: Bucket) -> Sequence[Rule]:
    try:
        answer = bucket.ask(bucket.client.get_bucket_lifecycle_configuration, answers=_NONE)
    except ClientError:
        return []
    found: Sequence[Rule] = answer.get("Rules", [])
    return found


def _same(rule: Rule, other: Rule) -> bool:
    """Whether the other does what the rule does. An empty prefix may come back as none."""
    alike = all(other.get(name) == value for name, value in rule.items() if name != "Filter")
    return alike and (other.get("Filter") or {}).get("Prefix", "") == rule["Filter"]["Prefix"]
