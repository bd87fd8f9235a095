"""The server process: gunicorn with one gevent worker per port. Started with `python -m bharat.server`, by `bharat serve`.

It is a process of its own because monkey-patching must come before any import that touches sockets.
"""
