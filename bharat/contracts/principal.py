"""Who is asking: the principal of a request and the actor that a change is attributed to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a user may do at most; docs/roles.md holds the table."""

    ADMIN = "admin"
    MANAGER = "manager"
    AGENT = "agent"
    VIEWER = "viewer"


class Visibility(StrEnum):
    """Which rows of a record type a principal reaches, decided by ids on the row: its owner, its team."""

    NONE = "none"
    OWN = "own"
    TEAM = "team"
    ALL = "all"


class ActorKind(StrEnum):
    USER = "user"
    API_KEY = "api_key"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """The cause of a change. `request_id` ties a job or event to the request it came from."""

    kind: ActorKind
    id: UUID | None = None
    request_id: str | None = None


SYSTEM = Actor(ActorKind.SYSTEM)


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller, loaded once per request.

    `scopes` limits an API key to permissions such as `deals:read` (`*:read`, `*`); a session has `None`: all that the role may do.
    `team_ids` are the teams the user belongs to or leads. `session` is the handle of the session, never its token.
    """

    organisation_id: UUID
    user_id: UUID
    role: Role
    team_ids: tuple[UUID, ...] = ()
    scopes: frozenset[str] | None = None
    session: str | None = None
    api_key_id: UUID | None = None
    request_id: str | None = None

    @property
    def actor(self) -> Actor:
        if self.api_key_id is not None:
            return Actor(ActorKind.API_KEY, self.api_key_id, self.request_id)
        return Actor(ActorKind.USER, self.user_id, self.request_id)
