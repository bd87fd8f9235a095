"""What is logged while a command runs that configures no log of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_TOLD_BY_THE_ERROR = "bharat.data.database"
"""It logs why a statement failed, with a traceback, for a server that answers 503; a command ends with the error itself."""


class _Message(logging.Formatter):
    """The message alone: a traceback is for who asks for one."""

    def format(self, record: logging.LogRecord) -> str:
        return f"bharat: {record.levelname.lower()}: {record.getMessage()}"


def _is_news(record: logging.LogRecord) -> bool:
    return not (record.exc_info and record.name == _TOLD_BY_THE_ERROR)


@contextmanager
def log_lines(*, debug: bool) -> Iterator[None]:
    """Within the block, warnings that nobody else takes are a line each on stderr; with `debug` they have their tracebacks."""
    handler = logging.lastResort
    if debug or handler is None:
        yield
        return
    before = handler.formatter
    handler.setFormatter(_Message())
    handler.addFilter(_is_news)
    try:
        yield
    finally:
        handler.setFormatter(before)
        handler.removeFilter(_is_news)
