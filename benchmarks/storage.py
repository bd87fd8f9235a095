"""`storage`: a large file to the S3 and back by the provider `spaces`, beside the driver alone.

The rival is boto3's own `upload_fileobj` and `get_object` with the same client, part size and concurrency. It computes no SHA-256 and
keeps no description; Bharat does both, so it hashes each byte twice, once for the file and once, as the rival does, for the signature.
The S3 is Ceph's RADOS gateway on loopback, a new one each round.
"""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median

import msgspec

from benchmarks.report import Goal, say, table
from bharat_local_servers import RadosGateway
from bharat_storage_spaces import SpacesOptions
from bharat_storage_spaces.client import open_client

_MEBI = 1024 * 1024
_PAIRS = (("up", "up by boto3"), ("up announced", "up by boto3"), ("down", "down by boto3"))
_MOST_MEMORY = 32.0
"""MiB by which the peak of resident memory may grow."""


def run(size: int, rounds: int) -> list[Goal]:
    """`size` is in bytes."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for number in range(rounds):
        with RadosGateway() as server:
            options = SpacesOptions(
                bucket="bench", key=server.access_key, secret=server.secret_key, endpoint=server.url, path_style=True
            )
            client = open_client(options)
            client.create_bucket(Bucket=options.bucket)
            client.close()
            acts = ["up by boto3", "up", "up announced"]
            acts = [*acts[number % 3 :], *acts[: number % 3], *(["down", "down by boto3"][:: 1 - number % 2 * 2])]
            for act in acts:
                found.setdefault(act, []).append(_measure(options, act, size))
    say(f"\n{size // _MEBI} MiB, parts of {options.part_size // _MEBI} MiB, {options.concurrency} at a time")
    table(
        ("transfer", "seconds", "CPU seconds", "peak memory, MiB"),
        [
            (act, *(f"{median(column):.2f}" for column in zip(*figures, strict=True)))
            for act, figures in sorted(found.items())
        ],
    )
    for ours, theirs in _PAIRS:
        both = list(zip(found[ours], found[theirs], strict=True))
        wall = median(rival[0] / own[0] for own, rival in both)
        work = median(rival[1] / own[1] for own, rival in both)
        say(f"{ours}: {wall:.2f} times as fast as {theirs}; {work:.2f} times by CPU time")
    return [
        Goal(f"peak memory of {act}, MiB", max(each[2] for each in figures), _MOST_MEMORY, at_least=False)
        for act, figures in found.items()
        if "boto3" not in act
    ]


def _measure(options: SpacesOptions, act: str, size: int) -> tuple[float, float, float]:
    words = [msgspec.json.encode(options).decode(), act, str(size)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rivals.transfer", *words], check=True, stdout=subprocess.PIPE, text=True
    )
    seconds, cpu, memory = json.loads(done.stdout)
    return seconds, cpu, memory
