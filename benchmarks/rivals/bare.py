"""The least that Falcon can be: the floor for time to start and idle memory."""

from __future__ import annotations

from typing import Any

import falcon


class Live:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {"status": "ok"}


application: falcon.App[Any, Any] = falcon.App()
application.add_route("/livez", Live())
