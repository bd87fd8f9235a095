"""The endpoints of this room, a file for each subject."""

from __future__ import annotations

from bharat.accounts.routes import audit, invitations, keys, logins, me, organisation, pages, teams, users
from bharat.contracts.route import Route


def routes() -> list[Route]:
    """All of them."""
    modules = (logins, me, invitations, users, teams, keys, organisation, audit, pages)
    return [route for module in modules for route in module.ROUTES]
