"""Values as TOML writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum


def as_toml(value: object) -> str:
    """One value on one line (TOML 1.0). Raises `TypeError` for one that TOML can't hold."""
    if isinstance(value, Enum):
        return as_toml(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple | set | frozenset):
        return f"[{', '.join(as_toml(item) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{as_toml(str(key))} = {as_toml(item)}' for key, item in value.items())} }}"
    raise TypeError(f"TOML has no {type(value).__name__}")
