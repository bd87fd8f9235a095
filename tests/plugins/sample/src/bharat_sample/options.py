"""What can be configured."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[plugin.sample]`"""

    greeting: Annotated[str, Meta(min_length=1, description="how the plugin greets")] = "Namaste"
