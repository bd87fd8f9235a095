"""What is accepted as a password, and how it is kept."""

from __future__ import annotations

import unicodedata

import pytest
from argon2.exceptions import VerifyMismatchError

from bharat.accounts.passwords import Passwords
from bharat.contracts.errors import Invalid
from tests.fixtures.passwords import FULL_COST


@pytest.mark.parametrize(
    "password",
    [
        "elevenchars",
        "x" * 129,
        "aaaaaaaaaaaaaaaa",
        "abcdabcdabcdabcd",
        "abcdefghijklmnop",
        "zyxwvutsrqponmlk",
        "qwertyuiopasdfgh",
        "Password123456",
        "correcthorsebatterystaple",
        "asha.rao@acme.example",
        "asha raosmith",
        "AshaRaoSmith",
    ],
)
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(Invalid):
        Passwords(hasher=FULL_COST).check(password, email="Asha.Rao@acme.example", name="Asha Raosmith")


@pytest.mark.parametrize("password", ["twelve chars", "一二三四五六七八九十千万", "x y" * 4 + "!", "p" + "Qz8" * 40])
def test_any_characters_will_do(password: str) -> None:
    Passwords(hasher=FULL_COST).check(password, email="asha@acme.example", name="Asha")


def test_a_hash_is_argon2id_and_verifies_its_password_only() -> None:
    passwords = Passwords(hasher=FULL_COST)
    kept = passwords.hash("a long walk in the rain")
    assert kept.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert kept != passwords.hash("a long walk in the rain")
    assert passwords.verify("a long walk in the rain", kept)
    assert not passwords.verify("a long walk in the Rain", kept)
    assert not passwords.verify("a long walk in the rain", None)
    assert not passwords.verify("a long walk in the rain", "no hash at all")


def test_one_password_is_one_however_the_keyboard_composes_it() -> None:
    passwords = Passwords(hasher=FULL_COST)
    word = "Übergrößenträger"
    kept = passwords.hash(unicodedata.normalize("NFD", word))
    assert passwords.verify(unicodedata.normalize("NFC", word), kept)


def test_what_an_unknown_address_is_compared_with_is_there_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the first login of an unknown address would take twice as long, in each process anew. Protected by
    `_hash_of_nothing` in `Passwords.__init__`."""

    def computed(self: Passwords, password: str) -> str:
        raise AssertionError("a hash is computed")

    monkeypatch.setattr(Passwords, "hash", computed)
    passwords = Passwords(hasher=FULL_COST)
    assert not passwords.verify("a long walk in the rain", None)
    assert passwords._nobodys.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert not passwords.outdated(passwords._nobodys)
    assert passwords._nobodys != Passwords(hasher=FULL_COST)._nobodys
    with pytest.raises(VerifyMismatchError):
        passwords._hasher.verify(passwords._nobodys, "a long walk in the rain")
