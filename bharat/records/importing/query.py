"""The import's options as query parameters. Those that pair two words may be repeated, one pair each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import unquote_to_bytes

from bharat.contracts.errors import MAX_FAULTS, FieldFault, Malformed
from bharat.contracts.route import Parameter
from bharat.contracts.spelling import hint
from bharat.records.importing.options import ImportOptions

_PAIRS = {"type": "array", "items": {"type": "string", "pattern": "^[^=]+=.+$"}}
_WORDS = {"type": "array", "items": {"type": "string", "minLength": 1}}

PARAMETERS = (
    Parameter(name="map", schema=_PAIRS, description="`column=field`: which field a column fills. May be repeated."),
    Parameter(name="ignore", schema=_WORDS, description="A column to leave out. May be repeated."),
    Parameter(
        name="key",
        schema=_WORDS,
        description="A field that tells that a row is there already. May be repeated: together.",
    ),
    Parameter(name="null", schema=_WORDS, description="A word that means an empty cell. May be repeated."),
    Parameter(
        name="alias",
        schema={"type": "array", "items": {"type": "string", "pattern": "^[^:=]+:[^=]+=.*$"}},
        description="`field:word=other`: read `word` as `other`. May be repeated.",
    ),
    Parameter(name="default", schema=_PAIRS, description="`field=value`: what an empty cell means. May be repeated."),
    Parameter(name="create_missing", schema=_WORDS, description="A reference whose targets are made when missing."),
    Parameter(
        name="currency",
        schema={"type": "string", "pattern": "^[A-Z]{3}$"},
        description="For amounts without a currency.",
    ),
    Parameter(
        name="date_format",
        description="How dates and moments are written, such as `DD-MM-YYYY` or `DD-MM-YYYY HH:MI`; otherwise ISO 8601.",
    ),
    Parameter(name="encoding", description="The file's encoding; UTF-8 unless it says otherwise itself."),
    Parameter(
        name="delimiter",
        schema={"type": "string", "minLength": 1, "maxLength": 1},
        description="What separates cells; found in the header by itself.",
    ),
    Parameter(
        name="dry_run", schema={"type": "boolean"}, description="Do everything, tell what would happen, change nothing."
    ),
)
MAX_OPTIONS = 1000
"""Parameters of one import: a file has at most 500 columns."""
_NAMES = frozenset(parameter.name for parameter in PARAMETERS)
_ONCE = frozenset({"currency", "date_format", "encoding", "delimiter", "dry_run"})


def options_of(raw_query: str, *, max_rows: int) -> ImportOptions:
    """Raises `Malformed` with every fault, `Invalid` for values that no option takes."""
    given = _given(raw_query)
    faults: list[FieldFault] = []
    columns: dict[str, tuple[str, ...]] = {}
    for column, field in _pairs(given.get("map", ()), "map", lambda text: text.rpartition("="), faults):
        columns[column] = (*columns.get(column, ()), field)
    aliases: dict[str, dict[str, str]] = {}
    for field, words in _pairs(given.get("alias", ()), "alias", lambda text: text.partition(":"), faults):
        for word, other in _pairs([words], "alias", lambda text: text.partition("="), faults):
            aliases.setdefault(field, {})[word] = other
    defaults = dict(_pairs(given.get("default", ()), "default", lambda text: text.partition("="), faults))
    once = {name: texts[0] for name, texts in given.items() if name in _ONCE}
    dry_run = once.pop("dry_run", "false")
    if dry_run not in ("true", "false"):
        faults.append(FieldFault("?dry_run", "must be true or false"))
    if faults:
        raise Malformed("Some query parameters can't be accepted.", faults=faults)
    return ImportOptions(
        columns=columns,
        ignore=frozenset(given.get("ignore", ())),
        key=tuple(given.get("key", ())),
        nulls=frozenset(given.get("null", ())),
        aliases=aliases,
        defaults=defaults,
        create_missing=frozenset(given.get("create_missing", ())),
        dry_run=dry_run == "true",
        max_rows=max_rows,
        **once,  # type: ignore[arg-type] # the four that are texts
    )


def _given(raw: str) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    faults: list[FieldFault] = []
    for number, part in enumerate(raw.split("&")):
        if number >= MAX_OPTIONS or len(faults) >= MAX_FAULTS:
            faults.append(FieldFault("?", f"must be at most {MAX_OPTIONS} parameters"))
            break
        if not part:
            continue
        name, _, value = part.partition("=")
        try:
            key, text = (unquote_to_bytes(item.replace("+", " ")).decode() for item in (name, value))
        except UnicodeDecodeError:
            raise Malformed("The query string is not valid UTF-8.") from None
        if "\0" in key or "\0" in text:
            raise Malformed("The query string holds the character U+0000.", faults=[FieldFault("?", "U+0000")])
        if key not in _NAMES:
            faults.append(FieldFault(f"?{key[:60]}", f"unknown parameter{hint(key, _NAMES)}"))
        elif key in _ONCE and key in found:
            faults.append(FieldFault(f"?{key}", "given more than once"))
        elif not (text if key == "delimiter" else text.strip()):  # a tab is one, and nothing else than space
            faults.append(FieldFault(f"?{key}", "must not be empty"))
        else:
            found.setdefault(key, []).append(text)
    if faults:
        raise Malformed("Some query parameters can't be accepted.", faults=faults)
    return found


def _pairs(
    texts: Sequence[str], name: str, split: Callable[[str], tuple[str, str, str]], faults: list[FieldFault]
) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for text in texts:
        before, middle, after = split(text)
        if not middle or not before.strip():
            faults.append(FieldFault(f"?{name}", f"{text[:60]!r} is not a pair; see the documentation of `{name}`"))
        else:
            found.append((before.strip(), after.strip()))
    return found
