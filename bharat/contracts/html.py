"""Pages without a template language: elements that escape what they are given, and the frame that every page shares."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable

from bharat.contracts.route import Response

CONTENT_TYPE = "text/html; charset=utf-8"
STYLESHEET = "/assets/pages.css"

# Pages load one stylesheet of ours and nothing else: no script, no frame, no form, no foreign host (CSP Level 3).
POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)

_EMPTY = frozenset({"meta", "link", "hr", "br", "input"})


class Html(str):
    """Text that is markup already. Only `element` and constants in the source make it."""

    __slots__ = ()


Content = str | Html | Iterable["Content"] | None


def render(content: Content) -> Html:
    """Markup of `content`: plain text is escaped, `None` is nothing, an iterable its parts one after the other."""
    if content is None:
        return Html()
    if isinstance(content, Html):
        return content
    if isinstance(content, str):
        return Html(html.escape(content))
    return Html("".join(render(part) for part in content))


def element(name: str, /, *content: Content, **attributes: str | bool | None) -> Html:
    """One element. Attributes are escaped; `class_` is `class`, `aria_label` is `aria-label`; `True` stands for one without
    a value, `False` and `None` leave it out."""
    written = []
    for key, value in attributes.items():
        attribute = key.rstrip("_").replace("_", "-")
        if value is True:
            written.append(f" {attribute}")
        elif value is not None and value is not False:
            written.append(f' {attribute}="{html.escape(value)}"')
    opening = f"<{name}{''.join(written)}>"
    return Html(opening if name in _EMPTY else f"{opening}{render(content)}</{name}>")


def link(target: str, text: Content) -> Html:
    return element("a", text, href=target)


def code(text: str) -> Html:
    return element("code", text)


def prose(text: str) -> Html:
    """A sentence whose words in backticks are code, as docstrings and descriptions have it."""
    parts = text.split("`")
    # One without its partner is no mark but a character.
    if len(parts) % 2 == 0:
        return render(text)
    return render([code(part) if place % 2 else part for place, part in enumerate(parts)])


def command(text: str) -> Html:
    """A command to copy: one click selects all of it."""
    return element("pre", element("code", text), class_="command", tabindex="0")


def table(caption: str, header: Iterable[str], rows: Iterable[Iterable[Content]]) -> Html:
    """A table whose first cell in each row is its heading. Wide ones scroll by themselves at phone width."""
    head = element("thead", element("tr", [element("th", text, scope="col") for text in header]))
    body = [
        element("tr", [element("td", cell) if place else element("th", cell, scope="row") for place, cell in enumerate(row)])
        for row in rows
    ]  # fmt: skip
    filled = element("table", element("caption", caption), head, element("tbody", body))
    return element("div", filled, class_="scroll", role="region", aria_label=caption, tabindex="0")


def page(title: str, *content: Content, script: Html | None = None) -> bytes:
    """A whole page, encoded. The navigation is the same on every page. A page with a script is answered under
    `policy_for` that script, and sends its address to nobody."""
    navigation = [("/", "Start"), ("/docs", "API"), ("/docs/problems", "Problems"), ("/api/health", "Health")]
    document = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("meta", name="referrer", content="no-referrer") if script is not None else None,
            element("title", title if title == "Bharat" else f"{title} · Bharat"),
            element("link", rel="stylesheet", href=STYLESHEET),
        ),
        element(
            "body",
            element("a", "Skip to the content", href="#content", class_="skip"),
            element(
                "header",
                link("/", element("span", "Bharat", class_="brand")),
                element("nav", [link(target, text) for target, text in navigation], aria_label="Main"),
            ),
            element("main", content, id="content"),
            element("script", script) if script is not None else None,
        ),
        lang="en",
    )
    return f"<!doctype html>\n{document}\n".encode()


def policy_for(script: Html) -> str:
    """The policy of a page that runs this one script, allowed by its hash alone, which may call Bharat and nobody else."""
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"{POLICY}; connect-src 'self'; script-src 'sha256-{allowed}'"


def answer(content: bytes, policy: str = POLICY) -> Response:
    """A page as an answer: it may be kept, and is asked for again when a node was updated."""
    return Response(
        content,
        content_type=CONTENT_TYPE,
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-cache"},
    )
