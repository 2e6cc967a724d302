"""oauth2-proxy with the configuration out of our manifests, before a stand-in for n8n and with an OIDC
provider in Dex's place: who comes in, as whom, and who does not."""

import contextlib
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from checks.identity import values_of
from harness import forks, rendering, stand_in_application
from harness.processes import free_ports
from harness.sign_in import HOST, SignIn, oauth2_proxy
from operations.sign_in import guarded, issued_by


@pytest.fixture(scope="module")
def sign_in(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sign-in"), webhooks=False) as sign_in:
        yield sign_in


@pytest.fixture(scope="module")
def open_to_webhooks(tmp_path_factory):
    with running(tmp_path_factory.mktemp("open-to-webhooks"), webhooks=True) as sign_in:
        yield sign_in


@contextlib.contextmanager
def running(folder: Path, webhooks: bool):
    """The issuer, oauth2-proxy and the application; ends them whatever happens."""
    (upstream,) = free_ports(1)
    application = stand_in_application.serve(upstream)
    with oauth2_proxy(folder, told(folder, webhooks), upstream) as sign_in:
        yield sign_in
    application.shutdown()


def told(folder: Path, webhooks: bool) -> dict:
    """What the Application tells the chart, in production with a private authority."""
    fork = forks.manifests(folder / "fork")
    file = fork / "manifests/clusters/production/config.yaml"
    config = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(config | {"certificates": {"public": "platform"}, "n8n": {"webhooks": webhooks}}))
    return values_of(rendering.render(fork, "production"), "oauth2-proxy")[1]


def test_who_is_not_signed_in_is_sent_to_the_issuer(sign_in):
    answer = sign_in.browser().request(f"https://{HOST}/workflows")
    asked = urlsplit(answer.location)
    query = {name: values[0] for name, values in parse_qs(asked.query).items()}
    assert (answer.status, asked.hostname, asked.path) == (302, "localhost", "/oidc/authorize")
    assert (query["client_id"], query["redirect_uri"]) == ("oauth2-proxy", f"https://{HOST}/oauth2/callback")
    assert (query["scope"], query["code_challenge_method"]) == ("openid profile email groups", "S256")
    assert query["nonce"] and query["state"]


def test_who_has_signed_in_reaches_the_application_by_name(sign_in):
    answer = sign_in.browser().open(f"https://{HOST}/workflows?x=1")
    assert (answer.status, answer.url) == (200, f"https://{HOST}/workflows?x=1")
    seen = json.loads(answer.body)
    assert (seen["path"], seen["headers"]["host"]) == ("/workflows?x=1", HOST)
    for prefix in ("x-auth-request", "x-forwarded"):
        assert seen["headers"][f"{prefix}-email"] == "jane@example.com"
        assert seen["headers"][f"{prefix}-groups"] == "example-org:engineering"
    # No token of the issuer's goes on to the application.
    assert "authorization" not in seen["headers"] and "access-token" not in answer.body


def test_the_cookie_is_for_this_host_alone(sign_in):
    browser = sign_in.browser()
    browser.open(f"https://{HOST}/")
    cookie = browser.cookies[HOST]["__Host-sign-in"]
    assert (cookie["secure"], cookie["httponly"], cookie["domain"], cookie["path"]) == (True, True, "", "/")
    assert cookie["samesite"].lower() == "lax"


@pytest.mark.parametrize("person", ["mallory@example.com=other-org:engineering", "mallory@example.com"])
def test_who_is_in_no_group_of_the_platforms_is_refused(sign_in, person):
    browser = sign_in.browser(person)
    answer = browser.open(f"https://{HOST}/")
    assert (answer.status, urlsplit(answer.url).path) == (403, "/oauth2/callback")
    assert browser.request(f"https://{HOST}/").status != 200


@pytest.mark.parametrize("name", ["x-auth-request-email", "x-auth-request-groups", "x-forwarded-user", "X_Forwarded_Email"])
def test_a_name_that_the_client_gives_itself_is_not_believed(sign_in, name):
    browser = sign_in.browser()
    browser.open(f"https://{HOST}/")
    answer = browser.request(f"https://{HOST}/", {name: "root@example.com"})
    assert answer.status == 200 and "root@example.com" not in answer.body


def test_headers_alone_sign_no_one_in(sign_in):
    pretended = {"x-auth-request-email": "jane@example.com", "x-auth-request-groups": "example-org:engineering"}
    answer = sign_in.browser().request(f"https://{HOST}/", pretended | {"authorization": "Bearer abc", "x-forwarded-host": "evil.example.com"})
    assert answer.status == 302 and "evil" not in answer.location


def test_a_cookie_that_was_tampered_with_is_worth_nothing(sign_in):
    browser = sign_in.browser()
    browser.open(f"https://{HOST}/")
    cookie = browser.cookies[HOST]["__Host-sign-in"]
    cookie.set(cookie.key, cookie.value[:40] + ("A" if cookie.value[40] != "A" else "B") + cookie.value[41:], "")
    assert browser.request(f"https://{HOST}/").status == 302


def test_no_one_is_sent_elsewhere_after_signing_in(sign_in):
    answer = sign_in.browser().open(f"https://{HOST}/oauth2/start?rd=https://evil.example.com/")
    assert answer.url == f"https://{HOST}/"


PRETENDED = {"x-auth-request-email": "root@example.com", "x-forwarded-user": "root"}


def test_webhooks_are_closed(sign_in):
    assert sign_in.browser().request(f"https://{HOST}/webhook/orders").status == 302


def test_webhooks_may_be_opened_and_no_more(open_to_webhooks):
    answer = open_to_webhooks.browser().request(f"https://{HOST}/webhook/orders", PRETENDED)
    assert answer.status == 200 and not set(PRETENDED) & set(json.loads(answer.body)["headers"])
    for path in ("/", "/webhooks", "/rest/webhook/x", "/webhook/../rest/credentials", "/webhook%2f..%2frest"):
        assert open_to_webhooks.browser().request(f"https://{HOST}{path}").status != 200, path


@pytest.fixture
def issuer(sign_in, monkeypatch) -> str:
    """By its address, where who has signed its certificate is believed."""
    monkeypatch.setenv("SSL_CERT_FILE", str(sign_in.trusted))
    return issuer_of(sign_in)


def issuer_of(sign_in: SignIn) -> str:
    return sign_in.browser().request(f"https://{HOST}/").location.partition("/authorize?")[0]


def test_make_verify_finds_it_well(sign_in, issuer):
    assert (issued_by(issuer), guarded(f"http://127.0.0.1:{sign_in.port}/", issuer)) == ("", "")


def test_make_verify_names_what_it_finds_otherwise(open_to_webhooks, issuer):
    """Another name of the same issuer, what is open to everybody, and who sends to another issuer."""
    assert issued_by(issuer.replace("localhost", "LOCALHOST")) == f"it calls itself {issuer}"
    page = f"http://127.0.0.1:{open_to_webhooks.port}"
    assert guarded(f"{page}/webhook/orders", issuer) == "200 without a session"
    assert guarded(f"{page}/", issuer).startswith(f"it sends to {issuer_of(open_to_webhooks)}/authorize?")
