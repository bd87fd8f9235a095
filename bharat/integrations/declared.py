"""An integration as a plugin declared it, checked and made ready once: which fields are secrets, and what a body may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Union

import msgspec
from msgspec import UNSET, UnsetType

from bharat.config import HiddenText, settings_of
from bharat.contracts.errors import FieldFault, Invalid, PluginError
from bharat.contracts.integrations import MOST_BODY, NAME, SECRET, Integration
from bharat.web.decode import collect

PATH = "/api/v1/integrations"
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")
_INSPECTED = msgspec.inspect.Type | msgspec.inspect.Field


class Declared:
    """See `bharat.contracts.integrations.Integration`. Raises `PluginError` for a declaration that can't be kept."""

    def __init__(self, plugin: str, item: Integration) -> None:
        self.plugin = plugin
        self.item = item
        self.name = item.name
        self.path = f"{PATH}/{item.name}"
        self._where = f"plugin {plugin!r}: the integration {item.name!r}"
        if not NAME.fullmatch(item.name):
            raise PluginError(f"{self._where} is misnamed; use up to 48 of a-z 0-9 _, first a letter")
        self._check_webhook()
        self.secrets = frozenset(setting.name for setting in settings_of(item.settings) if setting.secret)
        self.plain = tuple(name for name in item.settings.__struct_fields__ if name not in self.secrets)
        self._check_fields()
        self.body = self._body()
        """What a PUT holds: a secret that is left out stays as it is."""

    def fit(self, plain: Mapping[str, Any], secrets: Mapping[str, str]) -> msgspec.Struct:
        """The settings out of JSON values and secrets; secrets are masked in every `repr`. Raises `Invalid` naming each field."""
        values = {**plain, **secrets}
        try:
            found = msgspec.convert(values, self.item.settings)
        except msgspec.ValidationError as error:
            faults = list(collect(self.item.settings, values, "")) or [FieldFault("", _without(str(error), secrets))]
            raise Invalid(f"These settings of {self.name} can't be accepted.", faults=faults) from None
        return msgspec.structs.replace(found, **{name: HiddenText(text) for name, text in secrets.items()})

    def _check_webhook(self) -> None:
        webhook = self.item.webhook
        if webhook is None:
            return
        if not 0 < webhook.max_body <= MOST_BODY:
            raise PluginError(f"{self._where} takes bodies of {webhook.max_body} bytes; choose 1 to {MOST_BODY}")
        if webhook.burst < 1 or not webhook.per_second > 0:
            raise PluginError(f"{self._where} takes no deliveries: burst and per_second must be positive")
        if wrong := [name for name in webhook.headers if not _HEADER.fullmatch(name)]:
            raise PluginError(f"{self._where} asks for {wrong[0][:80]!r}, which is no header's name")

    def _check_fields(self) -> None:
        info = msgspec.inspect.type_info(self.item.settings)
        assert isinstance(info, msgspec.inspect.StructType)
        for field in info.fields:
            if field.name != field.encode_name:
                raise PluginError(
                    f"{self._where} renames the field {field.name!r} to {field.encode_name!r}; keep its name"
                )
            if field.name in self.secrets:
                if not _is_text(field.type):
                    raise PluginError(f"{self._where}: the secret {field.name!r} must be a text: `str` or `str | None`")
            elif _has_secret(field.type, set()):
                raise PluginError(
                    f"{self._where}: a secret inside {field.name!r} would be stored as it is; make it a field"
                )
        try:
            msgspec.json.schema(self.item.settings)
        except (TypeError, NotImplementedError) as error:
            raise PluginError(f"{self._where} has settings that JSON can't hold: {error}") from None

    def _body(self) -> type[msgspec.Struct]:
        fields: list[Any] = []
        for field in msgspec.structs.fields(self.item.settings):
            if field.name in self.secrets:
                fields.append((field.name, Union[field.type, UnsetType], UNSET))  # noqa: UP007 - of types held in variables
            elif field.required:
                fields.append((field.name, field.type))
            elif field.default is not msgspec.NODEFAULT:
                fields.append((field.name, field.type, field.default))
            else:
                fields.append((field.name, field.type, msgspec.field(default_factory=field.default_factory)))
        words = self.name.replace("_", " ").title().replace(" ", "")
        return msgspec.defstruct(
            f"{words}Settings", fields, kw_only=True, frozen=True, forbid_unknown_fields=True,
            module=__name__, namespace={"__doc__": f"Settings of {self.item.label}. A secret that is left out stays as it is."},
        )  # fmt: skip


def _without(message: str, secrets: Mapping[str, str]) -> str:
    """What a plugin's own check says, unless it repeats a secret."""
    if any(text and text in message for text in secrets.values()):
        return "the values do not go together"
    return message


def _is_text(type_: msgspec.inspect.Type) -> bool:
    if isinstance(type_, msgspec.inspect.Metadata):
        return _is_text(type_.type)
    if isinstance(type_, msgspec.inspect.UnionType):
        return all(isinstance(one, msgspec.inspect.NoneType) or _is_text(one) for one in type_.types)
    return isinstance(type_, msgspec.inspect.StrType)


def _has_secret(type_: Any, seen: set[type]) -> bool:
    """Whether a secret is declared anywhere in it."""
    if isinstance(type_, msgspec.inspect.Metadata) and (type_.extra or {}).get(SECRET):
        return True
    if isinstance(type_, msgspec.inspect.StructType):
        if type_.cls in seen:
            return False
        seen.add(type_.cls)
    return any(_has_secret(part, seen) for part in _parts(type_))


def _parts(type_: msgspec.Struct) -> Iterable[Any]:
    for name in type_.__struct_fields__:
        value = getattr(type_, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, _INSPECTED):
                yield part
