"""Reading raw values as the fields of a Struct: one way for the core's sections, providers' options and plugins' settings."""

from __future__ import annotations

import json
import math
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from bharat.config.secret import HiddenText, Secret, shown
from bharat.config.sources import Raw, environment_name
from bharat.contracts.errors import ConfigError
from bharat.contracts.phrasing import TOLD
from bharat.contracts.spelling import nearest

StructT = TypeVar("StructT", bound=msgspec.Struct)

_WORDS = {
    "int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false", "array": "a list",
    "object": "a table", "null": "nothing", "datetime": "a date and time", "date": "a date", "time": "a time",
    "duration": "a duration", "uuid": "a UUID", "decimal": "a decimal number",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setting:
    """A key that may be set. `env` are customary variable names accepted beside the `BHARAT_…` one.

    `range` says in words which values of its type it takes, and is empty when it takes all; `example` is a value as the
    configuration file has it: the first of `msgspec.Meta(examples=[…])`, else the default, else `None`. A secret's default shows nothing."""

    name: str
    annotation: Any
    required: bool
    default: Any
    description: str
    env: tuple[str, ...]
    secret: bool
    range: str = ""
    example: Any = None
    told: str = ""
    """What a value must be, in the words of the option, where a pattern would say it badly (`bharat.contracts.phrasing.TOLD`)."""

    @property
    def type_label(self) -> str:
        return type_label(self.annotation)

    @property
    def explanation(self) -> str:
        """What the key is for and its default, as the end of a message."""
        about = f" Meaning: {self.description.rstrip('.')}" if self.description else ""
        if self.required or self.secret or self.default in (None, "", ()):
            return f"{about}." if about else ""
        default = f"default {shown(self.default)}"
        return f"{about} ({default})." if about else f" Its {default}."


@dataclass(frozen=True, slots=True)
class Row:
    """A key, its value as people may see it, and where that came from."""

    key: str
    shown: str
    source: str


@dataclass(frozen=True, slots=True)
class Decoded(Generic[StructT]):
    """`value` is `None` only when the table was checked but not `complete` and a required key is absent."""

    value: StructT | None
    rows: tuple[Row, ...]


def settings_of(struct: type[msgspec.Struct]) -> tuple[Setting, ...]:
    """The settings that a Struct declares; description, customary names and secrecy come from `msgspec.Meta`."""
    settings = []
    for field in msgspec.structs.fields(struct):
        default = None if field.required else field.default
        if default is msgspec.NODEFAULT:
            default = field.default_factory()
        metas = tuple(_metas(field.type))
        env: list[str] = []
        for meta in metas:
            names = (meta.extra or {}).get("env", ())
            env.extend((names,) if isinstance(names, str) else names)
        secret = any((meta.extra or {}).get("secret", False) for meta in metas)
        settings.append(
            Setting(
                name=field.name,
                annotation=field.type,
                required=field.required,
                default=default,
                description=next((meta.description for meta in metas if meta.description), ""),
                env=tuple(env),
                secret=secret,
                range=_range(metas),
                example=_example(metas, None if secret else default),
                told=_told(metas),
            )
        )
    return tuple(settings)


def decode(
    struct: type[StructT],
    raws: Mapping[str, Raw],
    environ: Mapping[str, str],
    *section: str,
    complete: bool = True,
) -> Decoded[StructT]:
    """Read the keys of one section. Raises `ConfigError` for an unknown key, a wrong type and, when `complete`, a missing
    required key. Customary environment names count only when `complete`: they are set for whoever uses them."""
    settings = settings_of(struct)
    check_known(raws, [setting.name for setting in settings], *section)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for setting in settings:
        raw = _effective(setting, raws, environ if complete else {})
        if raw is None:
            if setting.required and complete:
                raise ConfigError(_missing(setting, *section))
            continue
        values[setting.name] = read(setting, raw, *section)
        sources[setting.name] = raw.source
    if any(setting.required and setting.name not in values for setting in settings):
        return Decoded(None, ())
    try:
        value = struct(**values)
    except (ValueError, TypeError) as error:
        where = ", ".join(dict.fromkeys(sources.values())) or "the defaults"
        raise ConfigError(f"[{'.'.join(section)}] can't be used: {error} (set in {where})") from error
    return Decoded(value, tuple(rows(settings, value, sources, *section)))


def rows(settings: Iterable[Setting], value: object, sources: Mapping[str, str], *section: str) -> Iterable[Row]:
    for setting in settings:
        key = ".".join((*section, setting.name))
        yield Row(key, shown(getattr(value, setting.name), secret=setting.secret), sources.get(setting.name, "default"))


def read(setting: Setting, raw: Raw, *section: str) -> Any:
    """The value of one key, or `ConfigError` naming the key, its source and what it must be; never a secret's value."""
    key = ".".join((*section, setting.name))
    try:
        value = parse_text(raw.value, setting.annotation) if raw.text else raw.value
        result = msgspec.convert(value, setting.annotation, dec_hook=_build)
    except (ValueError, TypeError) as error:
        what = _fault(error, setting)
        if isinstance(raw.value, float) and not setting.secret:  # a kind that says less than the value
            what = re.sub(r"^(must be a whole number), not a number$", rf"\1, not {raw.value}", what)
        raise ConfigError(f"{raw.source}: {key} {what}.{setting.explanation}") from None
    return _hidden(result) if setting.secret else result


def check_known(given: Iterable[str], known: Iterable[str], *section: str) -> None:
    """Raise `ConfigError` for the first key that is not known, with the nearest known one."""
    known = list(known)
    raws = given if isinstance(given, Mapping) else {}
    for name in given:
        if name not in known:
            raw = raws.get(name)
            raise unknown_key(raw.source if isinstance(raw, Raw) else "bharat.toml", (*section, name), known)


def unknown_key(source: str, key: tuple[str, ...], known: Iterable[str]) -> ConfigError:
    """The error for a key that nothing reads."""
    *section, name = key
    known = sorted(known)
    prefix = ".".join(section) + "." if section else ""
    if near := nearest(name, known):
        if source == environment_name(*key):
            remedy = f"did you mean {environment_name(*section, near)}?"
        else:
            remedy = f"did you mean {prefix}{near}?"
    elif known:
        remedy = f"remove it; {f'[{prefix[:-1]}]' if section else 'the top level'} takes {', '.join(known)}"
    else:
        remedy = f"remove it; [{prefix[:-1]}] takes no keys"
    return ConfigError(f"{source}: unknown key {prefix}{name}; {remedy}")


def parse_text(text: str, annotation: Any) -> Any:
    """Read an environment variable's text as a type: `true`/`false`, plain decimal numbers, lists as JSON or separated by
    commas (empty: an empty list), tables as JSON. Raises `ValueError` saying what to write."""
    base, optional = _base(annotation)
    origin = get_origin(base) or base
    if optional and text == "":
        return None
    if base is bool:
        if text not in ("true", "false"):
            raise ValueError("must be true or false")
        return text == "true"
    if base is int:
        if not re.fullmatch(r"[+-]?[0-9]{1,30}", text):
            raise ValueError("must be a whole number")
        return int(text)
    if base is float:
        if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text) or not math.isfinite(float(text)):
            raise ValueError("must be a number")
        return float(text)
    if isinstance(origin, type) and issubclass(origin, list | tuple | set | frozenset):
        if text.lstrip().startswith("["):
            return _json(text)
        item = (get_args(base) or (str,))[0]
        parts = [part.strip() for part in text.split(",")]
        if not parts[-1]:
            parts.pop()  # of an empty text, or behind a comma at its end
        return [parse_text(part, item) for part in parts]
    if isinstance(origin, type) and issubclass(origin, dict | Mapping | msgspec.Struct):
        return _json(text)
    if origin is Literal:
        return next((choice for choice in get_args(base) if str(choice) == text), text)
    if isinstance(base, type) and issubclass(base, Enum):
        return next((member.value for member in base if str(member.value) == text), text)
    return text


def type_label(annotation: Any) -> str:
    """A type as people say it: `a whole number`, `one of "a", "b"`, `list of a text`."""
    base, optional = _base(annotation)
    origin = get_origin(base) or base
    if origin is Literal:
        label = "one of " + ", ".join(json.dumps(choice) for choice in get_args(base))
    elif isinstance(base, type) and issubclass(base, Enum):
        label = "one of " + ", ".join(json.dumps(member.value) for member in base)
    elif isinstance(origin, type) and issubclass(origin, list | tuple | set | frozenset):
        label = "list of " + type_label((get_args(base) or (str,))[0])
    elif base in (Secret, str):
        label = "a text"
    elif base is Path:
        label = "a path"
    else:
        name = getattr(base, "__name__", str(base))
        label = _WORDS.get(name, {"timedelta": "a duration", "dict": "a table"}.get(name, name))
    return f"{label}, or nothing" if optional else label


def _effective(setting: Setting, raws: Mapping[str, Raw], environ: Mapping[str, str]) -> Raw | None:
    raw = raws.get(setting.name)
    if raw is not None and raw.text:
        return raw
    # An empty customary variable counts as unset: compose files pass `REDIS_URL=${REDIS_URL:-}` along.
    return next((Raw(environ[name], name, text=True) for name in setting.env if environ.get(name)), raw)


def _missing(setting: Setting, *section: str) -> str:
    key = ".".join((*section, setting.name))
    names = " or ".join((environment_name(*section, setting.name), *setting.env))
    place = f"under [{'.'.join(section)}] in bharat.toml" if section else "in bharat.toml"
    return f"{key} is missing: set it {place}, or in the environment as {names}.{setting.explanation}"


def _fault(error: Exception, setting: Setting) -> str:
    text = str(error)
    if text.startswith("Invalid enum value"):
        return f"must be {setting.type_label}"
    if setting.secret and not isinstance(error, msgspec.ValidationError) and not text.startswith("must be"):
        return "has a value that can't be used"
    if setting.told and "matching regex" in text:
        return setting.told
    text = re.sub(r" - at `\$\[(\d+)\]`", lambda m: f" (item {int(m[1]) + 1})", text)
    text = re.sub(r"`(\w+(?: \| \w+)*)`", lambda m: _kinds(m[1]), text)
    text = re.sub(r"^Expected (.*?), got (.*)$", r"must be \1, not \2", text)
    return re.sub(r"^Expected ", "must be ", text)


def _kinds(names: str) -> str:
    return " or ".join(_WORDS.get(name, name) for name in names.split(" | "))


def _range(metas: Iterable[msgspec.Meta]) -> str:
    words = []
    for meta in metas:
        low, high = meta.ge, meta.le
        if low is not None and high is not None:
            words.append(f"{low:g} to {high:g}")
        elif low is not None:
            words.append(f"at least {low:g}")
        elif high is not None:
            words.append(f"at most {high:g}")
        words += [f"more than {meta.gt:g}"] if meta.gt is not None else []
        words += [f"less than {meta.lt:g}"] if meta.lt is not None else []
        if meta.min_length == 1:
            words.append("not empty")
        elif meta.min_length is not None:
            words.append(f"length at least {meta.min_length}")
        words += [f"length at most {meta.max_length}"] if meta.max_length is not None else []
        if meta.pattern is not None:
            words.append(_told([meta]).removeprefix("must be ") or f"as the pattern {meta.pattern}")
    return ", ".join(words)


def _told(metas: Iterable[msgspec.Meta]) -> str:
    return next((str(meta.extra[TOLD]) for meta in metas if meta.extra and TOLD in meta.extra), "")


def _example(metas: Iterable[msgspec.Meta], default: Any) -> Any:
    declared = next((meta.examples for meta in metas if meta.examples), None)
    if declared:
        return declared[0]
    if default in (None, "", ()) or isinstance(default, Secret):
        return None
    return str(default) if isinstance(default, Path) else default


def _build(kind: type, value: Any) -> Any:
    if kind in (Secret, Path):
        if not isinstance(value, str):
            raise ValueError("must be a text")
        if not value:
            raise ValueError("must be a text that is not empty")
        return kind(value)
    raise NotImplementedError(f"has a type that Bharat can't read ({kind.__name__})")


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        return HiddenText(value)
    if isinstance(value, list | tuple):
        return type(value)(_hidden(item) for item in value)
    return value


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError("must be valid JSON") from None


def _base(annotation: Any) -> tuple[Any, bool]:
    """The annotation without `Annotated` and `None`, and whether `None` was allowed. A union of more stays as it is."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        optional = len(members) < len(get_args(annotation))
        return (_base(members[0])[0] if len(members) == 1 else annotation), optional
    return annotation, False


def _metas(annotation: Any) -> Iterable[msgspec.Meta]:
    if get_origin(annotation) is Annotated:
        yield from (item for item in annotation.__metadata__ if isinstance(item, msgspec.Meta))
        yield from _metas(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _metas(member)
