"""The one error that callers handle."""

from __future__ import annotations


class RedisUnavailable(Exception):
    """Redis does not serve us now. Whether the command was carried out is unknown. The message holds no secret."""
