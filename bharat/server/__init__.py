"""The server process: gunicorn with one gevent worker per port. Started with `python -m bharat.server`, by `bharat serve`.

It is a process of its own because monkey-patching must come before any import that touches sockets.
"""

END_ON_HANGUP = "--end-on-hangup"
"""Argument of `python -m bharat.server`: SIGHUP ends it."""
CHECK_TABLES = "--check-tables"
"""Argument of `python -m bharat.server`: it does not serve while a plugin's tables differ from its revisions."""
