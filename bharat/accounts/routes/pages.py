"""The two pages that mails link to: choose a password, for an invitation or a reset.

The token stands after the `#` of the link, which browsers send to nobody; the page's script, allowed by its hash alone, puts it
into the request.
"""

from __future__ import annotations

import functools
import shlex
from dataclasses import dataclass

from bharat.accounts.passwords import MAX_LENGTH
from bharat.accounts.service import accounts_of
from bharat.contracts.html import Html, answer, code, command, element, link, page, policy_for
from bharat.contracts.route import Public, Request, Response, Route, Stream

LOGIN_PATH = "/api/v1/login"

# The form stays hidden until the script has found a token: without either it could do nothing. What the server answers is put
# into sentences here, because a person doesn't know the names of a body's fields.
_SCRIPT = Html("""
const form = document.forms[0], told = document.getElementById("told"), button = document.getElementById("send");
const password = form.elements.password, reveal = document.getElementById("reveal");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const subjects = { "/password": "The password", "/name": "Your name", "/token": "The link" };

function tell(text, fault) {
  told.textContent = text;
  told.className = fault ? "told fault" : "told";
}

function sentence(fault) {
  const text = [subjects[fault.path] || fault.path.slice(1), fault.detail].join(" ").trim();
  return text.endsWith(".") ? text : text + ".";
}

function mark(faults) {
  let first = null;
  for (const field of form.querySelectorAll("input")) {
    const wrong = faults.some((fault) => fault.path === field.dataset.path);
    if (wrong) field.setAttribute("aria-invalid", "true"); else field.removeAttribute("aria-invalid");
    if (wrong && !first) first = field;
  }
  if (first) first.focus();
}

addEventListener("hashchange", () => location.reload());
if (token) form.hidden = false; else document.getElementById("tokenless").hidden = false;

reveal.addEventListener("click", () => {
  const shown = password.type === "text";
  password.type = shown ? "password" : "text";
  reveal.textContent = shown ? "Show" : "Hide";
  reveal.setAttribute("aria-label", (shown ? "Show" : "Hide") + " the password");
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = { token, password: password.value };
  const name = form.elements.fullname;
  if (name && name.value.trim()) body.name = name.value;
  tell("One moment …");
  mark([]);
  button.disabled = true;
  try {
    const answer = await fetch(form.dataset.target, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.ok) {
      form.hidden = true;
      password.value = "";
      history.replaceState(null, "", location.pathname);
      const done = document.getElementById("done");
      done.hidden = false;
      done.focus();
      return;
    }
    const problem = await answer.json();
    const faults = problem.errors || [];
    mark(faults);
    let text = faults.length ? faults.map(sentence).join(" ") : problem.detail;
    if (faults.some((fault) => fault.path === "/token")) text += " " + form.dataset.anew;
    tell(text, true);
  } catch {
    tell("The server does not answer. Try again shortly.", true);
  } finally {
    button.disabled = false;
  }
});
""")

_POLICY = policy_for(_SCRIPT)


@dataclass(frozen=True, slots=True)
class _Purpose:
    """What one of the pages is for. `anew` says how to come by another link."""

    title: str
    lead: str
    target: str
    button: str
    anew: str
    asks_name: bool = False


_INVITED = _Purpose(
    title="Accept the invitation",
    lead="The organisation that the mail names invites you to work with it in Bharat, at {host}. "
    "Choose the password that you will log in with.",
    target="/api/v1/invitations/accept",
    button="Accept the invitation",
    anew="Ask whoever invited you for another invitation.",
    asks_name=True,
)
_RESET = _Purpose(
    title="Choose a new password",
    lead="For your login at {host}. Once the new password is set, the old one is worth nothing and every device is logged out.",
    target="/api/v1/password-resets/confirm",
    button="Set the new password",
    anew="Ask for another link where you asked for this one.",
)


@functools.cache
def _page(purpose: _Purpose, public_url: str, shortest: int) -> bytes:
    host = public_url.partition("://")[2]
    return page(
        purpose.title,
        element("h1", purpose.title),
        element("p", purpose.lead.format(host=host), class_="lead"),
        element("noscript", element("p", "This page needs JavaScript: it passes on the part of the link that no server sees.")),
        element(
            "p",
            "This address lacks the end that proves who you are. Open the whole link from the mail; if it is lost or has "
            f"expired: {purpose.anew[:1].lower()}{purpose.anew[1:]}",
            class_="told fault",
            role="alert",
            id="tokenless",
            hidden=True,
        ),
        _form(purpose, shortest),
        _done(public_url),
        script=_SCRIPT,
    )  # fmt: skip


def _form(purpose: _Purpose, shortest: int) -> Html:
    name = element(
        "div",
        element("label", "Your name", for_="fullname"),
        element("p", "Leave it empty to keep the name that the invitation has.", id="name-rule", class_="hint"),
        element(
            "input", id="fullname", name="fullname", maxlength="200", autocomplete="name", data_path="/name",
            aria_describedby="name-rule told",
        ),
        class_="field",
    )  # fmt: skip
    password = element(
        "div",
        element("label", "New password", for_="password"),
        element(
            "p", f"At least {shortest} characters. A few words that only you would put together are best.",
            id="password-rule", class_="hint",
        ),
        element(
            "div",
            element(
                "input", id="password", name="password", type="password", required=True, maxlength=str(MAX_LENGTH),
                autocomplete="new-password", autocapitalize="none", spellcheck="false", data_path="/password",
                aria_describedby="password-rule told",
            ),
            element("button", "Show", type="button", id="reveal", class_="quiet", aria_label="Show the password"),
            class_="beside",
        ),
        class_="field",
    )  # fmt: skip
    return element(
        "form",
        name if purpose.asks_name else None,
        password,
        element("button", purpose.button, id="send"),
        element("p", id="told", class_="told", role="status"),
        class_="card",
        hidden=True,
        data_target=purpose.target,
        data_anew=purpose.anew,
    )


def _done(public_url: str) -> Html:
    body = '{"email": "YOUR ADDRESS",\n       "password": "YOUR PASSWORD"}'
    text = (
        f"curl -c cookies -H 'Content-Type: application/json' \\\n  -d {shlex.quote(body)} \\\n"
        f"  {shlex.quote(public_url + LOGIN_PATH)}"
    )
    return element(
        "section",
        element("h2", "Your password is set"),
        element(
            "p", "Log in with the address that the mail came to and this password, in the program that your organisation uses "
            "with Bharat; its address here is ", code(public_url), ".",
        ),
        element("p", "From a terminal:"),
        command(text),
        element("p", link("/docs", "The reference"), " has every call that can follow."),
        id="done",
        class_="card narrow",
        tabindex="-1",
        hidden=True,
    )  # fmt: skip


def _shown(purpose: _Purpose, request: Request) -> Response:
    shortest = accounts_of(request.app).policy.password_min_length
    return answer(_page(purpose, request.app.public_url, shortest), _POLICY)


def accept_invitation(request: Request) -> Response:
    """Public: who is invited has no login yet. The page holds no data."""
    return _shown(_INVITED, request)


def reset_password(request: Request) -> Response:
    """Public: who forgot the password can't log in. The page holds no data."""
    return _shown(_RESET, request)


ROUTES = (
    Route(
        method="GET",
        path="/accept-invitation",
        handler=accept_invitation,
        access=Public(),
        summary="The page that an invitation links to",
        tag="pages",
        operation_id="accept_invitation_page",
        returns=Stream(("text/html",)),
    ),
    Route(
        method="GET",
        path="/reset-password",
        handler=reset_password,
        access=Public(),
        summary="The page that a password reset links to",
        tag="pages",
        operation_id="reset_password_page",
        returns=Stream(("text/html",)),
    ),
)
