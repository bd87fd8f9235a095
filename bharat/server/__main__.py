"""Serve. The first lines patch the standard library: psycopg imported before them would block the whole worker, silently."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402

from bharat.server.development import prepare  # noqa: E402
from bharat.server.launch import serve  # noqa: E402

if __name__ == "__main__":
    arguments, code = prepare(sys.argv[1:])
    sys.exit(serve(arguments) if code is None else code)
