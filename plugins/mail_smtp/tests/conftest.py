"""A real mail server in a process of its own, with TLS and a login; missing, it is a loud skip, and a failure when CI is set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from bharat.testing.platform import SmallPlatform
from bharat_local_servers import Certificate, SmtpSink, make_certificate
from bharat_local_servers.pytest_fixtures import required
from bharat_mail_smtp.mail import SmtpMail
from bharat_mail_smtp.options import SmtpOptions

Build = Callable[..., SmtpMail]
USER, PASSWORD = "bharat@example.com", "pass word ~ 1"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """For `localhost`, not for 127.0.0.1."""
    return required(lambda: make_certificate(tmp_path_factory.mktemp("certificate"), "localhost"))


@pytest.fixture(scope="module")
def running_sink(certificate: Certificate) -> Iterator[SmtpSink]:
    with required(lambda: SmtpSink(tls="starttls", certificate=certificate, user=USER, password=PASSWORD)) as server:
        yield server


@pytest.fixture
def sink(running_sink: SmtpSink) -> SmtpSink:
    running_sink.start()  # a test before may have stopped it
    running_sink.clear()
    return running_sink


@pytest.fixture
def build(platform: SmallPlatform, certificate: Certificate) -> Iterator[Build]:
    """Builds the backend: `build(port, **options)`. It gives up soon, and trusts the test's authority."""
    with ExitStack() as stack:

        def builder(port: int, **options: Any) -> SmtpMail:
            soon: dict[str, Any] = {
                "host": "localhost",
                "ca_file": str(certificate.authority),
                "connect_timeout": 1.0,
                "read_timeout": 1.0,
                "accept_timeout": 1.0,
            }
            built = SmtpMail(SmtpOptions(**{**soon, "port": port, **options}), platform)
            stack.callback(built.close)
            return built

        yield builder


@pytest.fixture
def login() -> dict[str, str]:
    return {"user": USER, "password": PASSWORD}
