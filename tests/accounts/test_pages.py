"""The pages that mails link to."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from tests.accounts.site import Site


@pytest.mark.parametrize(
    ("path", "ask", "recipient"),
    [
        ("/reset-password", ("/password-resets", {"email": "agent@acme.example"}), "agent@acme.example"),
        ("/accept-invitation", ("/invitations", {"email": "new@acme.example"}), "new@acme.example"),
    ],
)
def test_a_mailed_link_leads_to_a_page_that_runs_its_own_script_only(
    site: Site, path: str, ask: tuple[str, dict[str, str]], recipient: str
) -> None:
    site.browser("admin@acme.example").post(*ask)
    site.work()
    (text,) = site.mails(recipient)
    assert f"{site.app.public_url}{path}#token=" in text
    page = site.client.simulate_get(path)
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    (script,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = page.headers["Content-Security-Policy"]
    assert f"script-src 'sha256-{allowed}'" in policy
    assert "default-src 'none'" in policy
    (target,) = re.findall(r'data-target="([^"]+)"', page.text)
    assert site.client.simulate_post(target, json={"token": "x", "password": "y"}).status_code == 422
