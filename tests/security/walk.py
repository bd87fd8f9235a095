"""Asking every question as everybody, and judging each answer by the table."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from falcon import testing

from tests.security.secrets import NEVER
from tests.security.table import may_see
from tests.security.world import World

Expected = Literal["allowed", "unchanged", "denied", "hidden", "unknown caller", "refused"]
"""2xx; 304; 403; 404, the same as for what does not exist; 401; any 4xx."""

_STATUS: dict[Expected, Callable[[int], bool]] = {
    "allowed": lambda status: 200 <= status < 300,
    "unchanged": lambda status: status == 304,
    "denied": lambda status: status == 403,
    "hidden": lambda status: status == 404,
    "unknown caller": lambda status: status == 401,
    "refused": lambda status: 400 <= status < 500,
}
_REQUEST_ID = re.compile(r'"request_id":"[^"]*"')


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One call and what must come of it.

    `rows`: the ids that the answer must hold, exactly, out of those `among`. `like`: a call about something that does not exist,
    whose answer must be the same to the letter but for the words `alike`. `deleted`: the answer may hold deleted rows.
    `tells`: ids that the answer may hold, whoever asks. `then`: a look at what is stored afterwards, giving what is wrong with it."""

    operation: str
    caller: str
    method: str
    path: str
    expected: Expected
    query: str = ""
    body: Any = None
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    credentials: dict[str, str] | None = None
    rows: frozenset[str] | None = None
    among: frozenset[str] = frozenset()
    like: Probe | None = None
    alike: tuple[tuple[str, str], ...] = ()
    deleted: bool = False
    tells: frozenset[str] = frozenset()
    then: Callable[[testing.Result], str | None] | None = None

    def __str__(self) -> str:
        return f"{self.operation}: {self.caller} {self.method} {self.path}{'?' + self.query if self.query else ''}"


@dataclass(frozen=True)
class Leak:
    """An answer, or a change, that must not be."""

    probe: Probe
    what: str

    def __str__(self) -> str:
        return f"{self.probe}: {self.what}"


@dataclass
class Walk:
    """What came of it: the leaks, how many calls were made, and which operations answered 2xx to somebody who was allowed."""

    leaks: list[Leak] = field(default_factory=list)
    calls: int = 0
    controlled: set[str] = field(default_factory=set)


def walk(world: World, probes: Iterable[Probe], *, first: bool = False) -> Walk:
    """Make every call. `first`: stop at the first leak."""
    done = Walk()
    for probe in probes:
        writes = probe.method != "GET" and probe.expected != "allowed"
        # Making the probe may have made what it is about.
        stored = world.fingerprint() if writes else None
        answer = _call(world, probe)
        done.calls += 1
        found = [*_judged(world, probe, answer)]
        if probe.like is not None and answer.status_code >= 400:
            found += _compared(probe, answer, _call(world, probe.like))
        if probe.then is not None and (wrong := probe.then(answer)):
            found.append(wrong)
        if answer.status_code < 400:
            if probe.expected == "allowed" and answer.status_code < 300:
                done.controlled.add(probe.operation)
        elif writes and world.fingerprint() != stored:
            found.append(f"it was refused with {answer.status_code} and something was written all the same")
        done.leaks += [Leak(probe, what) for what in found]
        if first and done.leaks:
            break
    return done


def _call(world: World, probe: Probe) -> testing.Result:
    headers = dict(probe.headers)
    more: dict[str, Any] = {}
    if probe.raw is not None:
        more["body"] = probe.raw
    elif probe.body is not None:
        more["body"] = json.dumps(probe.body).encode()
        headers.setdefault("Content-Type", "application/json")
    if probe.credentials is not None:
        headers |= probe.credentials
        return world.call("nobody", probe.method, probe.path, query_string=probe.query, headers=headers, **more)
    return world.call(probe.caller, probe.method, probe.path, query_string=probe.query, headers=headers, **more)


def _judged(world: World, probe: Probe, answer: testing.Result) -> Iterable[str]:
    if not _STATUS[probe.expected](answer.status_code):
        yield f"expected to be {probe.expected}, got {answer.status_code}: {answer.text[:300]}"
    if answer.status_code >= 400 and answer.headers.get("Content-Type") != "application/problem+json":
        yield f"the error is {answer.headers.get('Content-Type')}, not application/problem+json"
    told = "\n".join([answer.text, *(f"{name}: {value}" for name, value in answer.headers.items())])
    # What the caller said itself is no news; that it learns nothing more is what `like` compares.
    said = f"{probe.path} {probe.query} {json.dumps(probe.body)} {probe.raw!r}".lower()
    for word, secret in world.secrets.told_in(told):
        if word in said or word in probe.tells:
            continue
        if not may_see(probe.caller, secret, world.policies, world.plurals):
            yield f"it told {word}, which is {secret}"
        elif secret.kind == "deleted row" and not probe.deleted:
            yield f"it told {word} of a deleted row without being asked for deleted ones"
    for word in NEVER:
        if word in told:
            yield f"it told {word}"
    if probe.rows is not None and answer.status_code < 400:
        shown = frozenset(_ids(answer)) & probe.among
        if shown != probe.rows:
            yield f"it showed {len(shown)} rows where {len(probe.rows)} are to be seen: {sorted(shown ^ probe.rows)}"


def _ids(answer: testing.Result) -> Sequence[str]:
    """The ids of the records in a list or an export."""
    if answer.headers.get("Content-Type", "").startswith("text/csv"):
        return [line["id"] for line in csv.DictReader(io.StringIO(answer.text))]
    return [str(item["id"]) for item in answer.json["items"]]


def _compared(probe: Probe, answer: testing.Result, missing: testing.Result) -> Iterable[str]:
    """A thing that is hidden and one that does not exist must look the same."""
    if answer.status_code != missing.status_code:
        yield f"it answers {answer.status_code}, and {missing.status_code} for what does not exist"
    elif _plain(answer.text, probe.alike) != _plain(missing.text, probe.alike):
        yield f"it says {answer.text[:300]}, and for what does not exist {missing.text[:300]}"
    elif answer.headers.keys() != missing.headers.keys():
        yield f"it has the headers {sorted(answer.headers)}, and for what does not exist {sorted(missing.headers)}"


def _plain(text: str, alike: Iterable[tuple[str, str]]) -> str:
    for one, other in alike:
        text = text.replace(one, other)
    return _REQUEST_ID.sub("", text)
