"""Marks: words that occur nowhere else, each hidden in one owner's data, so that any answer that holds one tells whose it is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "row",
    "deleted row",
    "person",
    "address",
    "team",
    "setting",
    "organisation",
    "invitation",
    "key",
    "session",
    "integration",
]

_WORD = re.compile(r"zq[0-9a-f]{14}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\+77[0-9]{12}")
SEALED = "the-token-of-a-doorbell"
"""What integrations keep encrypted."""
NEVER = ("$argon2", "token_hash", "password_hash", SEALED, "envelope")
"""What no answer holds, whoever asks."""


@dataclass(frozen=True)
class Secret:
    """Whose a mark is. `place` is where a row lies, `type` its record type, `person` whom the rest belongs to."""

    kind: Kind
    organisation: str
    place: str = ""
    type: str = ""
    person: str = ""


class Secrets:
    """Every mark of a world. Ids are marks too: that of a foreign row must not be told either."""

    def __init__(self) -> None:
        self._known: dict[str, Secret] = {}
        self._made = 0

    def word(self, secret: Secret) -> str:
        """A new mark."""
        self._made += 1
        word = "zq" + hashlib.sha256(str(self._made).encode()).hexdigest()[:14]
        self._known[word] = secret
        self._known[phone(word)] = secret
        return word

    def learn(self, text: object, secret: Secret) -> None:
        """Take an id, or another text of that form, for a mark."""
        self._known[str(text)] = secret

    def forget(self, *texts: object) -> None:
        """These are known from now on: a probe was allowed to bring them to light, or tells them itself."""
        for text in texts:
            self._known.pop(str(text), None)
            if str(text).startswith("zq"):
                self._known.pop(phone(str(text)), None)

    def told_in(self, text: str) -> Iterable[tuple[str, Secret]]:
        """The marks that occur in `text`, each once."""
        for word in dict.fromkeys(_WORD.findall(text.lower())):
            if (secret := self._known.get(word)) is not None:
                yield word, secret


def phone(word: str) -> str:
    """A mark in the form of a telephone number."""
    return f"+77{int(word[2:], 16) % 10**12:012d}"
