"""Login, logout, and resets of forgotten passwords."""

from __future__ import annotations

from bharat.accounts.ending import log_out
from bharat.accounts.logins import log_in
from bharat.accounts.resets import ask_for_reset, confirm_reset
from bharat.accounts.routes.bodies import SMALL, Body, Email, Password, Token, caller_of
from bharat.accounts.routes.me import Me, me_of
from bharat.accounts.service import accounts_of
from bharat.contracts.errors import Unauthenticated
from bharat.contracts.route import LoginCookie, Public, Request, Response, Route


class Login(Body):
    email: Email
    password: Password


class ResetRequest(Body):
    email: Email


class ResetConfirmation(Body):
    token: Token
    password: Password


def login(request: Request) -> Response:
    """Public: it is how somebody becomes known. Attempts are budgeted by account and by network, and one that fails costs the
    same time and tells the same whether the address exists."""
    accounts, body = accounts_of(request.app), request.body
    old = request.session_token, request.caller
    token, session = log_in(accounts, body.email, body.password, caller_of(request), *old)
    principal = accounts.authenticator.of_session(session)
    if principal is None:
        raise Unauthenticated("The login was ended as it began: try again.")
    return Response(me_of(accounts, principal), cookies=[LoginCookie(token, accounts.policy.session_absolute)])


def logout(request: Request) -> Response:
    """Public: logging out twice, or after the session has ended, must succeed and take the cookie away."""
    if request.session_token is not None:
        log_out(accounts_of(request.app), request.session_token, request.caller)
    return Response(cookies=[LoginCookie(None)])


def ask(request: Request) -> None:
    """Public: who forgot the password can't log in. The answer is the same for every address."""
    ask_for_reset(accounts_of(request.app), request.body.email, caller_of(request))


def confirm(request: Request) -> None:
    """Public: the token from the mail is the proof."""
    confirm_reset(accounts_of(request.app), request.body.token, request.body.password, caller_of(request))


ROUTES = (
    Route(
        method="POST",
        path="/api/v1/login",
        handler=login,
        access=Public(recognises=True),
        summary="Log in with address and password; sets the session cookie, a secret that is never stored for a replay",
        tag="accounts",
        operation_id="login",
        body=Login,
        max_bytes=SMALL,
        returns=Me,
        errors=(401, 422, 429, 503),
        replays=False,
    ),
    Route(
        method="POST",
        path="/api/v1/logout",
        handler=logout,
        access=Public(recognises=True),
        summary="Log out",
        tag="accounts",
        operation_id="logout",
        errors=(503,),
        replays=False,
    ),
    Route(
        method="POST",
        path="/api/v1/password-resets",
        handler=ask,
        access=Public(),
        summary="Have a link to choose a new password mailed, if the address has a login",
        tag="accounts",
        operation_id="ask_password_reset",
        body=ResetRequest,
        max_bytes=SMALL,
        errors=(422, 429, 503),
        replays=False,
    ),
    Route(
        method="POST",
        path="/api/v1/password-resets/confirm",
        handler=confirm,
        access=Public(),
        summary="Choose a new password with the token from the mail; it works once",
        tag="accounts",
        operation_id="confirm_password_reset",
        body=ResetConfirmation,
        max_bytes=SMALL,
        errors=(422, 429, 503),
        replays=False,
    ),
)
