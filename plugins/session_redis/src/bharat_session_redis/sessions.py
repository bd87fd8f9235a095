"""`RedisSessions`: every method is one script, one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from bharat.contracts.sessions import (
    NewSession,
    Session,
    SessionGone,
    SessionsUnavailable,
    handle_of,
    new_token,
    token_hash,
)
from bharat_redis import RedisUnavailable, open_redis
from bharat_session_redis import scripts

if TYPE_CHECKING:
    from bharat_redis.clients import RedisClients
    from bharat_session_redis import RedisSessionOptions

_SEEN_EVERY = timedelta(minutes=1)
_HANDLE_LENGTH = len(handle_of(""))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DATA = b"data:"
"""What the name of a field of data begins with, and no name of ours."""


class RedisSessions:
    """See `bharat.contracts.sessions.Sessions`. Redis may be down while this is made."""

    def __init__(self, options: RedisSessionOptions) -> None:
        self._redis = open_redis(options.connection("bharat-sessions"))
        # Keys are made by concatenation, here and in the scripts alike.
        self._session = self._redis.key("session", "")
        self._index = self._redis.key("sessions", "")

        def script(text: str) -> Any:
            return self._redis.script(scripts.PRELUDE + text)

        self._create, self._load = script(scripts.CREATE), script(scripts.LOAD)
        self._set, self._unset = script(scripts.SET), script(scripts.UNSET)
        self._rotate, self._delete = script(scripts.ROTATE), script(scripts.DELETE)
        self._list, self._revoke = script(scripts.LIST), script(scripts.REVOKE)
        self._revoke_all = script(scripts.REVOKE_ALL)

    def create(self, new: NewSession) -> tuple[str, Session]:
        token = new_token()
        hashed = token_hash(token)
        fields: list[str | bytes] = ["user", _user(new.organisation_id, new.user_id), "epoch", str(new.epoch)]
        for name, text, length in (("address", new.address, 100), ("agent", new.user_agent, 500)):
            if text is not None:
                fields += [name, _bytes(text[:length])]
        for field, value in new.data.items():
            fields += [_name(field), msgspec.json.encode(value)]
        durations = [_micros(new.idle), _micros(new.absolute)]
        keys = [self._session + hashed, self._index + _user(new.organisation_id, new.user_id)]
        with self._translated():
            return token, _session_of(hashed, self._create(keys, [hashed, *durations, *fields]))

    def load(self, token: str) -> Session | None:
        hashed = token_hash(token)
        with self._translated():
            found = self._load([self._session + hashed], [hashed, self._index, _micros(_SEEN_EVERY)])
        return _session_of(hashed, found) if found else None

    def set(self, token: str, field: str, value: Any) -> None:
        self._change(self._set, token, [_name(field), msgspec.json.encode(value)])

    def unset(self, token: str, field: str) -> None:
        self._change(self._unset, token, [_name(field)])

    def rotate(self, token: str, *, epoch: int | None = None) -> str:
        fresh = new_token()
        arguments = [token_hash(fresh), *([] if epoch is None else [str(epoch)])]
        self._change(self._rotate, token, arguments, self._session + token_hash(fresh))
        return fresh

    def delete(self, token: str) -> None:
        hashed = token_hash(token)
        with self._translated():
            self._delete([self._session + hashed], [hashed, self._index])

    def list(self, organisation_id: UUID, user_id: UUID) -> Sequence[Session]:
        with self._translated():
            found = self._list([self._index + _user(organisation_id, user_id)], [self._session])
        sessions = [_session_of(hashed.decode(), packed) for hashed, packed in found]
        return sorted(sessions, key=lambda session: (session.created_at, session.handle), reverse=True)

    def revoke(self, organisation_id: UUID, user_id: UUID, handle: str) -> bool:
        with self._translated():
            index = self._index + _user(organisation_id, user_id)
            return bool(self._revoke([index], [self._session, _bytes(handle)]))

    def revoke_all(self, organisation_id: UUID, user_id: UUID, *, keep: str | None = None) -> int:
        with self._translated():
            index = self._index + _user(organisation_id, user_id)
            return int(self._revoke_all([index], [self._session, _bytes(keep or "")]))

    def sweep(self) -> int:
        """Always 0: Redis drops what expires by itself. Raises `SessionsUnavailable` all the same."""
        with self._translated():
            self._redis.commands.ping()
        return 0

    @property
    def clients(self) -> RedisClients:
        """Its connections, for the health check."""
        return self._redis

    def close(self) -> None:
        self._redis.close()

    def _change(self, script: Any, token: str, arguments: Iterable[str | bytes], *keys: str) -> None:
        hashed = token_hash(token)
        with self._translated():
            if not script([self._session + hashed, *keys], [hashed, self._index, *arguments]):
                raise SessionGone("The session has ended; nothing was changed.")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with self._redis.translated():
                yield
        except RedisUnavailable as error:
            # The cause names the server, for the log; this may reach anybody.
            raise SessionsUnavailable("The session store, Redis, does not answer.") from error


def _session_of(hashed: str, packed: bytes) -> Session:
    found = _fields(packed)
    organisation, _, user = found[b"user"].decode().partition(":")
    seen, until = int(found[b"seen"]), int(found[b"until"])
    data = {_text(name[len(_DATA) :]): value for name, value in found.items() if name.startswith(_DATA)}
    return Session(
        handle=hashed[:_HANDLE_LENGTH],
        organisation_id=UUID(organisation),
        user_id=UUID(user),
        epoch=int(found[b"epoch"]),
        created_at=_instant(int(found[b"created"])),
        seen_at=_instant(seen),
        expires_at=_instant(min(seen + int(found[b"idle"]), until)),
        address=_optional(found.get(b"address")),
        user_agent=_optional(found.get(b"agent")),
        data={name: msgspec.json.decode(value) for name, value in data.items()},
    )


def _fields(packed: bytes) -> dict[bytes, bytes]:
    """What `packed` in the scripts put together."""
    parts: list[bytes] = []
    at = 0
    while at < len(packed):
        begin = at + 4
        at = begin + int.from_bytes(packed[at:begin])
        parts.append(packed[begin:at])
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _user(organisation_id: UUID, user_id: UUID) -> str:
    return f"{organisation_id}:{user_id}"


def _name(field: str) -> bytes:
    return _DATA + _bytes(field)


def _bytes(text: str) -> bytes:
    # A header may hold anything; what is not text must not break a login.
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _optional(data: bytes | None) -> str | None:
    return None if data is None else _text(data)


def _micros(duration: timedelta) -> int:
    return duration // _MICROSECOND


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
