"""Logging of a server or worker process, as `[log]` says."""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime

import msgspec

from bharat.config import Log

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_EXTRAS = ("request_id", "status", "seconds", "job_id", "plugin")


class Lines(logging.Formatter):
    """One line a message, for people. What a client sent, such as a path, can't begin another line or colour a terminal
    (ASVS 5.0, 16.4.1)."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name of logging's own
        record.message = _BREAKS.sub(lambda found: ascii(found[0])[1:-1], record.message)
        return super().formatMessage(record)


class JsonLines(logging.Formatter):
    """One JSON object a line, for machines."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update({name: value for name in _EXTRAS if (value := getattr(record, name, None)) is not None})
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(entry, enc_hook=str).decode()


def configure(log: Log) -> None:
    """Log to standard error, whatever was configured before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if log.format == "json" else Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log.level.upper())
    # These speak at INFO of their own inner workings.
    for name in ("alembic", "gunicorn.access", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.WARNING)
