"""The pages that mails link to."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from tests.accounts.site import Site

PAGES = ("/reset-password", "/accept-invitation")


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


@pytest.mark.parametrize("path", PAGES)
def test_the_page_has_the_frame_of_the_others_and_sends_its_address_to_nobody(site: Site, path: str) -> None:
    page = site.client.simulate_get(path).text
    frame = re.compile(r"<header>.*</header>", re.DOTALL)
    assert frame.findall(page) == frame.findall(site.client.simulate_get("/").text)
    assert '<meta name="referrer" content="no-referrer">' in page


@pytest.mark.parametrize("path", PAGES)
def test_the_rule_for_passwords_is_told_before_one_is_typed(site: Site, path: str) -> None:
    page = site.client.simulate_get(path).text
    assert f"At least {site.app.accounts.policy.password_min_length} characters." in page


@pytest.mark.parametrize("path", PAGES)
def test_every_field_has_a_label_and_every_part_that_the_script_looks_for_is_there(site: Site, path: str) -> None:
    page = site.client.simulate_get(path).text
    for id in re.findall(r'<input id="(\w+)"', page):
        assert f'<label for="{id}">' in page
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    for id in re.findall(r'getElementById\("(\w+)"\)', script):
        assert f'id="{id}"' in page


@pytest.mark.parametrize("path", PAGES)
def test_the_page_says_where_to_log_in(site: Site, path: str) -> None:
    page = site.client.simulate_get(path).text
    done = page.partition('id="done"')[0].rpartition("<section")[2] + page.partition('id="done"')[2]
    assert f"{site.app.public_url}/api/v1/login" in done
    assert site.client.simulate_post("/api/v1/login", json={}).status_code == 422


def test_a_name_is_asked_of_the_invited_alone(site: Site) -> None:
    reset, invitation = (site.client.simulate_get(path).text for path in PAGES)
    assert 'name="fullname"' not in reset
    assert '<label for="fullname">Your name</label>' in invitation


def test_a_link_without_a_token_is_told_apart_before_anything_is_typed(site: Site) -> None:
    for path in PAGES:
        page = site.client.simulate_get(path).text
        # The server never sees the token: both are hidden until the script has looked.
        assert re.search(r'<p class="told fault" role="alert" id="tokenless" hidden>', page)
        assert re.search(r'<form class="card" hidden ', page)
