"""The plugin as the platform sees it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bharat.contracts.check import Status
from bharat.contracts.vectors import EmbeddingsUnavailable
from bharat.testing.platform import SmallPlatform
from bharat_embeddings_http import HttpOptions, bharat_embeddings
from bharat_embeddings_http.health import examine
from bharat_embeddings_http.model import HttpModel

if TYPE_CHECKING:
    from plugins.embeddings_http.tests.conftest import ModelServer

GOOD: dict[str, Any] = {"url": "https://api.example.com/v1", "model": "m", "dimension": 8}


def test_it_offers_a_provider_that_nodes_can_share(platform: SmallPlatform) -> None:
    (offer,) = bharat_embeddings()
    assert (offer.name, offer.shared) == ("http", True)
    built = offer.build(HttpOptions(**GOOD), platform)
    assert isinstance(built, HttpModel)
    built.close()


def test_the_client_is_not_imported_before_a_provider_is_built() -> None:
    code = "import sys, bharat_embeddings_http; sys.exit('urllib3' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_option_is_described() -> None:
    for field in msgspec.structs.fields(HttpOptions):
        assert "description=" in str(field.type), field.name


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "api.example.com"}, {"url": "ftp://api.example.com"}, {"url": "https://user:secret@api.example.com"},
        {"url": "https://api.example.com/v1?key=1"}, {"api_key": "a\nb"}, {"dimension": 0}, {"timeout": 0}, {"batch": 0},
        {"rest": 0}, {"threshold": 1.0}, {"model": ""},
    ],
    ids=str,
)  # fmt: skip
def test_a_value_that_can_t_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**GOOD, **wrong}, HttpOptions)


def test_the_health_check_tells_of_a_server_that_did_not_answer(
    build_model: Callable[..., HttpModel], model_server: ModelServer
) -> None:
    model = build_model(timeout=0.2, rest=60.0)
    assert examine(model).status is Status.OK
    model_server.stop()
    with pytest.raises(EmbeddingsUnavailable):
        model.embed(["x"])
    assert examine(model).status is Status.DEGRADED
