"""The process of `SmtpSink`: reads its settings as JSON from standard input and serves until it is ended."""

import asyncio
import itertools
import json
import os
import ssl
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class _Keep:
    """Writes each mail with its envelope; the envelope last, so that what is there is whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1 + len(list(folder.glob("*.json"))))

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd calls it so
        path = self._folder / f"{next(self._numbers):06}.eml"
        path.write_bytes(envelope.original_content)
        about = {
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "options": envelope.mail_options,
            "connection": str(session.peer),
            "tls": session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None,
            "user": session.auth_data.login.decode() if session.authenticated else "",
        }
        aside = path.with_suffix(".part")
        aside.write_text(json.dumps(about))
        aside.rename(path.with_suffix(".json"))
        return "250 kept"


async def _serve(settings: dict[str, Any]) -> None:
    context = None
    if settings["tls"] != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings["certificate"])
    handler = _Keep(Path(settings["folder"]))
    starttls = settings["tls"] == "starttls"

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        expected = LoginPassword(settings["user"].encode(), settings["password"].encode())
        return AuthResult(success=given == expected, handled=False, auth_data=given)

    def protocol() -> SMTP:
        return SMTP(
            handler,
            hostname="localhost",
            ident=f"sink {os.getpid()}",
            enable_SMTPUTF8=settings["smtputf8"],
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_required=bool(settings["user"]),
            auth_require_tls=starttls,
            authenticator=authenticate,
        )

    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", settings["port"], ssl=None if starttls else context
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(json.load(sys.stdin)))
