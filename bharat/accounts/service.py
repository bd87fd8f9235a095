"""`Accounts`: what the handlers and jobs of this room need, assembled once per process."""

from __future__ import annotations

from typing import Protocol, cast

from bharat.accounts.authentication import Authenticator
from bharat.accounts.budgets import Budgets
from bharat.accounts.passwords import Passwords
from bharat.accounts.permissions import Permissions
from bharat.accounts.policy import Policy
from bharat.contracts.application import Application


class Accounts:
    """The application's part that knows who is who. `app.accounts`."""

    def __init__(self, app: Application, policy: Policy, permissions: Permissions) -> None:
        self.app = app
        self.policy = policy
        self.permissions = permissions
        self.passwords = Passwords(policy.password_min_length)
        self.budgets = Budgets(app.limits, policy)
        self.authenticator = Authenticator(app.database, app.sessions)


class _WithAccounts(Protocol):
    @property
    def accounts(self) -> Accounts: ...


def accounts_of(app: Application) -> Accounts:
    """The application's accounts. They are no part of the contract that plugins see."""
    return cast(_WithAccounts, app).accounts
