"""The names of statuses as RFC 9110 has them: those of Python's library are older in some releases."""

from __future__ import annotations

from http import HTTPStatus

_RENAMED = {413: "Content Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}


def phrase(status: int) -> str:
    """The reason phrase of a status (RFC 9110, 15)."""
    return _RENAMED.get(status) or HTTPStatus(status).phrase
