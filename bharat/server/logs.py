"""Logging of a server or worker process, as `[log]` says."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import msgspec

from bharat.config import Log

_EXTRAS = ("request_id", "status", "seconds", "job_id", "plugin")


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
    if log.format == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log.level.upper())
    # These speak at INFO of their own inner workings.
    for name in ("alembic", "gunicorn.access", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.WARNING)
