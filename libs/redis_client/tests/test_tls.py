"""TLS: a server behind a certificate of an authority that only the URL names."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from bharat_local_servers import ServerUnavailable, Valkey, make_certificate
from bharat_redis import RedisUnavailable
from bharat_redis.clients import RedisClients

Open = Callable[..., RedisClients]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    try:
        return make_certificate(tmp_path, "localhost").server
    except ServerUnavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))


@pytest.fixture
def tls_port(valkey: Valkey, certificate: Path) -> Iterator[int]:
    """The port of a TLS front to the server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def converse(raw: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            context.wrap_socket(raw, server_side=True) as outer,
            socket.create_connection(("127.0.0.1", valkey.port)) as inner,
        ):
            back = threading.Thread(target=copy, args=(inner, outer), daemon=True)
            back.start()
            copy(outer, inner)
            back.join()
        raw.close()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def url(valkey: Valkey, port: int, host: str, query: str = "") -> str:
    password = valkey.url.removeprefix("redis://:").partition("@")[0]
    return f"rediss://default:{password}@{host}:{port}/0{query}"


def test_a_server_with_a_certificate_of_a_known_authority_is_trusted(
    connect: Open, valkey: Valkey, tls_port: int, certificate: Path
) -> None:
    query = f"?ssl_ca_certs={quote(str(certificate.with_name('ca.pem')), safe='')}"
    redis = connect(url(valkey, tls_port, "localhost", query))
    assert redis.commands.set("a", 1)
    assert redis.commands.get("a") == b"1"


def test_a_certificate_of_an_unknown_authority_is_refused(connect: Open, valkey: Valkey, tls_port: int) -> None:
    redis = connect(url(valkey, tls_port, "localhost"))
    with pytest.raises(RedisUnavailable), redis.translated():
        redis.commands.ping()


def test_a_certificate_for_another_name_is_refused(
    connect: Open, valkey: Valkey, tls_port: int, certificate: Path
) -> None:
    query = f"?ssl_ca_certs={quote(str(certificate.with_name('ca.pem')), safe='')}"
    redis = connect(url(valkey, tls_port, "127.0.0.1", query))
    with pytest.raises(RedisUnavailable), redis.translated():
        redis.commands.ping()
