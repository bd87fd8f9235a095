"""Standard Webhooks, by vectors that others made."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from bharat.contracts.integrations import SignedRequest
from bharat.integrations import standard

# The vector in the tests of the reference libraries (standard-webhooks/standard-webhooks, `libraries/`).
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def request(signature: str = SIGNATURE, body: bytes = BODY) -> SignedRequest:
    headers = {"webhook-id": ID, "webhook-timestamp": str(AT), "webhook-signature": signature}
    return SignedRequest(headers.get, body, datetime.fromtimestamp(AT, UTC) + timedelta(seconds=1))


def test_the_vector_of_the_reference_libraries_is_accepted() -> None:
    assert standard.verify(request(), [SECRET]) == ID
    key = standard.key_of(SECRET)
    assert key is not None
    assert standard.sign(key, ID, AT, BODY) == SIGNATURE


def test_it_is_refused_with_another_secret_or_body() -> None:
    assert standard.verify(request(), [standard.new_secret()]) is None
    assert standard.verify(request(body=BODY + b" "), [SECRET]) is None
    assert standard.verify(request(), []) is None


def test_any_of_several_secrets_may_have_signed() -> None:
    assert standard.verify(request(), [standard.new_secret(), SECRET, standard.new_secret()]) == ID


def test_a_made_secret_has_the_form_of_the_specification() -> None:
    made = {standard.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(standard.key_of(one) or b"") for one in made} == {32}


@pytest.mark.parametrize(("size", "right"), [(23, False), (24, True), (64, True), (65, False)])
def test_a_secret_has_24_to_64_bytes(size: int, right: bool) -> None:
    secret = standard.PREFIX + base64.b64encode(b"x" * size).decode()
    assert (standard.key_of(secret) is not None) is right
