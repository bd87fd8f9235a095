"""Who may see and do what, written down by hand: what the walk over all routes is judged by. Nothing here comes from the product.

A row lies in a place: `own` is the agent's, `colleague` of another agent in the same team, which is the manager's too, `other` of an
agent in another team, `foreign` of another organisation.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.security.secrets import Secret

Places = frozenset[str]

PLACES = ("own", "colleague", "other", "foreign")
CALLERS = (
    "admin",
    "manager",
    "agent",
    "viewer",
    "team_key",
    "write_key",
    "export_key",
    "visits_key",
    "nobody",
    "foreign",
)
"""`team_key` is a key of the manager with the scope `*:read`, `write_key` one with `*:write` and `*:delete`, `export_key` one with
`*:export`: they change and export what they can't read. `visits_key` is one of the administrator with `site_visits:read` alone;
`foreign` is the administrator of the other organisation."""

VISITS = "site_visits"

_ACME = frozenset({"own", "colleague", "other"})
_TEAM = frozenset({"own", "colleague"})
_OWN = frozenset({"own"})
_FOREIGN = frozenset({"foreign"})
_NONE: Places = frozenset()

_OWNED_READ = {"admin": _ACME, "manager": _TEAM, "agent": _OWN, "viewer": _ACME, "foreign": _FOREIGN}
_OWNED_WRITE = {"admin": _ACME, "manager": _TEAM, "agent": _OWN, "foreign": _FOREIGN}
_ALL_READ = {"admin": _ACME, "manager": _ACME, "agent": _ACME, "viewer": _ACME, "foreign": _FOREIGN}
_BUT_VIEWERS = {"admin": _ACME, "manager": _ACME, "agent": _ACME, "foreign": _FOREIGN}
_SENIOR = {"admin": _ACME, "manager": _ACME, "foreign": _FOREIGN}

RECORDS: Mapping[str, Mapping[str, Mapping[str, Places]]] = {
    "owned": {
        "read": {**_OWNED_READ, "team_key": _TEAM},
        "export": {**_OWNED_READ, "export_key": _TEAM},
        "write": {**_OWNED_WRITE, "write_key": _TEAM},
        "delete": {**_OWNED_WRITE, "write_key": _TEAM},
        "import": _OWNED_WRITE,
    },
    "shared": {
        "read": {**_ALL_READ, "team_key": _ACME},
        "export": {**_ALL_READ, "export_key": _ACME},
        "write": {**_BUT_VIEWERS, "write_key": _ACME},
        "import": _BUT_VIEWERS,
        "delete": {**_SENIOR, "write_key": _ACME},
    },
    "reference": {
        "read": {**_ALL_READ, "team_key": _ACME},
        "export": {**_ALL_READ, "export_key": _ACME},
        "write": {**_SENIOR, "write_key": _ACME},
        "import": _SENIOR,
        "delete": {**_SENIOR, "write_key": _ACME},
    },
}


def reach(caller: str, policy: str, plural: str, verb: str) -> Places:
    """Where the rows lie that a caller reaches."""
    if caller == "visits_key":
        return _ACME if plural == VISITS and verb == "read" else _NONE
    return RECORDS[policy][verb].get(caller, _NONE)


MEMBERS = frozenset({"admin", "manager", "agent", "viewer", "team_key"})
"""Callers of the first organisation who may look at its users, teams and settings."""
NARROW = frozenset({"write_key", "export_key", "visits_key"})
"""Keys that may not."""
SAME_PERSON = {"team_key": "manager", "write_key": "manager", "export_key": "manager", "visits_key": "admin"}


def person(caller: str) -> str:
    """Whose credentials the caller uses."""
    return SAME_PERSON.get(caller, caller)


def home(caller: str) -> str:
    """The caller's organisation, or none."""
    return {"foreign": "globex", "nobody": ""}.get(caller, "acme")


def may_see(caller: str, secret: Secret, policies: Mapping[str, str], plurals: Mapping[str, str]) -> bool:
    """Whether any answer to this caller may hold a mark of this owner."""
    if home(caller) != secret.organisation:
        return False
    administers = caller in ("admin", "foreign")
    match secret.kind:
        case "row":
            policy, plural = policies[secret.type], plurals[secret.type]
            return secret.place in reach(caller, policy, plural, "read") | reach(caller, policy, plural, "export")
        case "deleted row":
            return administers or secret.place in reach(caller, policies[secret.type], plurals[secret.type], "delete")
        case "person" | "team" | "organisation":
            return True
        case "setting":
            # The names of custom fields are columns of an export.
            return caller not in ("write_key", "visits_key")
        case "address" | "key":
            # The keys' ids and names, never their text.
            return administers or secret.person == person(caller)
        case "invitation" | "integration":
            return administers
        case "session":
            # The handle of a login is in the audit trail as well.
            return administers or secret.person == caller
