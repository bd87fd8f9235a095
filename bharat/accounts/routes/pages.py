"""The two pages that mails link to: choose a password, for an invitation or a reset.

The token stands after the `#` of the link, which browsers send to nobody; the page's script, allowed by its hash alone, puts it
into the request.
"""

from __future__ import annotations

import base64
import hashlib
import html

from bharat.contracts.route import Public, Request, Response, Route, Stream

_SCRIPT = """
const form = document.forms[0], told = document.getElementById("told");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = new URLSearchParams(location.hash.slice(1)).get("token") || "none";
  const body = { token, password: form.elements.password.value };
  const name = form.elements.fullname;
  if (name && name.value.trim()) body.name = name.value;
  told.textContent = "…";
  try {
    const answer = await fetch(form.dataset.target, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.ok) {
      form.hidden = true;
      told.textContent = "Done: you can log in with this password now.";
      history.replaceState(null, "", location.pathname);
      return;
    }
    const problem = await answer.json();
    const faults = (problem.errors || []).map((fault) => fault.path.slice(1) + " " + fault.detail);
    told.textContent = [problem.detail, ...faults].join(" ");
  } catch {
    told.textContent = "The server does not answer. Try again shortly.";
  }
});
"""

_POLICY = (
    "default-src 'none'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"script-src 'sha256-{base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()}'"
)

_NAME = '<p><label>Your name, if it is not known yet<br><input name="fullname" maxlength="200" autocomplete="name"></label></p>'


def _page(title: str, target: str, more: str = "") -> bytes:
    title = html.escape(title)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer">
<title>{title} · Bharat</title><link rel="stylesheet" href="/assets/pages.css"></head>
<body><main id="content"><h1>{title}</h1>
<form data-target="{target}">{more}
<p><label>New password<br><input name="password" type="password" required maxlength="128" autocomplete="new-password"></label></p>
<p><button>Choose this password</button></p></form>
<p id="told" role="status"></p>
<noscript><p>This page needs JavaScript: it passes on the part of the link that is sent to no server.</p></noscript>
</main><script>{_SCRIPT}</script></body></html>
""".encode()


_INVITED = _page("Accept the invitation", "/api/v1/invitations/accept", _NAME)
_RESET = _page("Choose a new password", "/api/v1/password-resets/confirm")


def _answer(page: bytes) -> Response:
    return Response(
        page,
        content_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"},
    )


def accept_invitation(request: Request) -> Response:
    """Public: who is invited has no login yet. The page holds no data."""
    return _answer(_INVITED)


def reset_password(request: Request) -> Response:
    """Public: who forgot the password can't log in. The page holds no data."""
    return _answer(_RESET)


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
