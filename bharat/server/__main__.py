"""Serve. The first lines patch the standard library: psycopg imported before them would block the whole worker, silently."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402

from bharat.server.launch import serve  # noqa: E402

if __name__ == "__main__":
    sys.exit(serve(sys.argv[1:]))
