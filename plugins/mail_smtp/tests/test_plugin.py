"""The plugin as the platform sees it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bharat.config import load
from bharat.contracts.check import Finding, Status
from bharat.contracts.errors import ConfigError
from bharat.contracts.mail import MailUnavailable
from bharat.testing.platform import SmallPlatform
from bharat_local_servers import SmtpSink
from bharat_mail_smtp import bharat_mail
from bharat_mail_smtp.health import examine
from bharat_mail_smtp.mail import SmtpMail, greeting_name
from bharat_mail_smtp.options import SmtpOptions
from tests.fixtures.scripted_smtp import ScriptedServer

Build = Callable[..., SmtpMail]


def test_it_offers_a_provider_that_nodes_can_share(platform: SmallPlatform) -> None:
    (provider,) = bharat_mail()
    assert (provider.name, provider.shared) == ("smtp", True)
    built = provider.build(SmtpOptions(host="smtp.example.com"), platform)
    assert isinstance(built, SmtpMail)
    assert not built.deduplicates
    built.close()


def test_the_driver_is_not_imported_before_the_provider_is_built() -> None:
    code = "import sys, bharat_mail_smtp as p; p.bharat_mail(); sys.exit('smtplib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("implicit", 465), ("none", 25)])
def test_the_port_follows_from_the_kind_of_tls(tls: Any, port: int) -> None:
    assert SmtpOptions(host="smtp.example.com", tls=tls).tcp_port == port


@pytest.mark.parametrize(
    "host",
    ["smtp.example.com", "localhost", "mail_1.internal", "192.0.2.1", "2001:db8::1", "::1", "a" * 63 + ".example"],
)
def test_a_name_or_address_is_a_host(host: str) -> None:
    assert msgspec.convert({"host": host}, SmtpOptions).host == host


@pytest.mark.parametrize(
    "host",
    ["", "smtp://smtp.example.com", "smtp.example.com:587", "a b", "a..b", "-a.example", "a\n", "a" * 64, "a." * 200],
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"host": host}, SmtpOptions)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"user": "u"}, "user and password belong together"),
        ({"password": "p"}, "user and password belong together"),
        ({"user": "ü", "password": "p"}, "user must be made of printable ASCII"),
        ({"user": "u", "password": "p\n"}, "password must be made of printable ASCII"),
        ({"user": "u", "password": "p", "tls": "none"}, 'tls = "none" would send user and password readable'),
        ({"user": "u", "password": "p", "tls": "none", "host": "192.0.2.1"}, "would send user and password readable"),
        ({"port": 465}, 'port 465 is TLS from the first byte .*: set tls = "implicit"'),
    ],
)
def test_keys_that_contradict_each_other_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SmtpOptions(**{"host": "smtp.example.com", **given})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_a_login_may_stay_in_the_machine_without_tls(host: str) -> None:
    assert SmtpOptions(host=host, user="u", password="p", tls="none").user == "u"


def test_the_customary_variables_are_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from bharat.app import load_plugins
    from bharat.contracts.provider import Capability

    environ = {
        "BHARAT_HOME": str(tmp_path),
        "BHARAT_PLUGINS": "mail_smtp",
        "BHARAT_MAIL__PROVIDER": "smtp",
        "SMTP_HOST": "smtp.example.com",
        "SMTP_PORT": "2525",
        "SMTP_USER": "u",
        "SMTP_PASSWORD": "hunter2",
    }
    plugins = load_plugins(load(None, environ))
    chosen = plugins.chosen(Capability.MAIL).options
    assert isinstance(chosen, SmtpOptions)
    assert (chosen.host, chosen.tcp_port, chosen.user, chosen.password) == ("smtp.example.com", 2525, "u", "hunter2")
    assert "hunter2" not in repr(chosen) + repr(plugins.describe_settings())
    with pytest.raises(ConfigError, match=r"\[mail\.smtp\] can't be used: user and password .*SMTP_USER"):
        load_plugins(load(None, {name: value for name, value in environ.items() if name != "SMTP_PASSWORD"}))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://crm.example.com", "crm.example.com"),
        ("http://127.0.0.1:8000", "[127.0.0.1]"),
        ("http://[::1]:8000", "[IPv6:::1]"),
    ],
)
def test_we_greet_with_the_host_of_our_url(url: str, name: str) -> None:
    assert greeting_name(url) == name


def test_we_greet_with_the_configured_name(build: Build) -> None:
    with ScriptedServer() as server:
        build(server.port, tls="none", ehlo_name="crm.example.com").probe()
        assert server.commands[0][1].lower() == "ehlo crm.example.com"


# The check.


def found(mail: SmtpMail, platform: SmallPlatform) -> Finding:
    (one,) = examine(mail, platform)
    return one


def test_a_server_that_lets_us_in_is_in_order(
    build: Build, sink: SmtpSink, login: dict[str, str], platform: SmallPlatform
) -> None:
    mail = build(sink.port, **login)
    assert found(mail, platform).status is Status.OK
    sink.restart()
    assert found(mail, platform).status is Status.OK, "an idle connection that was closed is no fault"
    assert sink.mails() == []


def test_a_wrong_password_is_told_and_not_shown(
    build: Build, sink: SmtpSink, login: dict[str, str], platform: SmallPlatform
) -> None:
    told = found(build(sink.port, user=login["user"], password="hunter2"), platform)
    assert told.status is Status.DEGRADED
    assert "refuses the login with 535: correct mail.smtp.user and mail.smtp.password" in told.detail
    assert "hunter2" not in f"{told}"


def test_a_server_that_is_away_is_told_with_its_address(build: Build, sink: SmtpSink, platform: SmallPlatform) -> None:
    sink.stop()
    told = found(build(sink.port), platform)
    assert (told.status, f"localhost:{sink.port} is lost" in told.detail) == (Status.DEGRADED, True), told


def test_a_server_that_can_t_be_found_is_unavailable(build: Build) -> None:
    with pytest.raises(MailUnavailable, match=r"nowhere\.invalid:2525 is lost"):
        build(2525, host="nowhere.invalid").probe()
