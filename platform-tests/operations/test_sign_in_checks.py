"""What `make verify` asks of the sign-in's pages, through the real edge and by its certificate: behind it each host
is a stand-in. The real issuer and oauth2-proxy are asked in controllers/test_sign_in.py."""

import dataclasses
import socketserver
import threading

import pytest

from harness import running_edge, stand_in_hosts
from harness.platforms import ROOT, cluster
from harness.processes import free_ports
from harness.running_edge import DOMAIN
from harness.stand_in_hosts import ISSUER
from operations import sign_in
from operations.session import Session

FEATURES = {"dex", *sign_in.GUARDED}
WELL_KNOWN = ("dex", "/.well-known/openid-configuration")
# Who asks for a key of its own, and no sign-in.
KEYED = {"tabby"}


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    with running_edge.running(tmp_path_factory.mktemp("edge"), cluster("laptop"), application=stand_in_hosts.serve) as edge:
        yield edge


@pytest.fixture
def reached(edge, monkeypatch) -> None:
    stand_in_hosts.found(edge, monkeypatch)


def session(features: set[str] = FEATURES, domain: str = DOMAIN) -> Session:
    laptop = Session.of(ROOT, "laptop", dry_run=False)
    return dataclasses.replace(laptop, values=laptop.values | {"features": dict.fromkeys(features, True), "domain": domain})


def failed(session: Session) -> list[str]:
    return [f"{name}: {wrong}" for name, wrong in sign_in.findings(session) if wrong]


def test_who_asks_everybody_who_is_there_is_well(reached):
    assert list(sign_in.findings(session())) == [
        ("the issuer is who it says", ""),
        *((f"{host}.{DOMAIN} asks who is there", "") for host in ("argocd", "chat", "n8n", "grafana", "mcp")),
    ]


def test_only_what_is_switched_on_is_asked(reached):
    assert [name for name, _ in sign_in.findings(session({"dex", "mcp"}))] == [
        "the issuer is who it says", f"argocd.{DOMAIN} asks who is there", f"mcp.{DOMAIN} asks who is there",
    ]  # fmt: skip
    assert list(sign_in.findings(session(FEATURES - {"dex"}))) == []


def test_every_host_of_the_platforms_is_asked(platform):
    """By the hosts and paths that its routes have."""
    features = {name for name, on in platform.values["features"].items() if on}
    asked = {host: path for feature, (host, path) in sign_in.GUARDED.items() if feature in features}
    routed = {}
    for route in platform.of("HTTPRoute"):
        if any(parent["name"] == "platform" for parent in route.object["spec"]["parentRefs"]):
            paths = [match["path"] for rule in route.object["spec"]["rules"] for match in rule["matches"]]
            routed |= {host.partition(".")[0]: paths for host in route.object["spec"]["hostnames"]}
    assert set(asked) == set(routed) - {"dex", *KEYED} if "dex" in features else set(routed) <= KEYED
    for host, path in asked.items():
        assert any(path.startswith(match["value"]) if match["type"] == "PathPrefix" else path == match["value"] for match in routed[host])


@pytest.mark.parametrize("host, path", sign_in.GUARDED.values())
def test_a_page_that_is_served_without_a_session_is_named(reached, monkeypatch, host, path):
    monkeypatch.setitem(stand_in_hosts.ANSWERS, (host, path), (200, {}, "{}"))
    assert failed(session()) == [f"{host}.{DOMAIN} asks who is there: 200 without a session"]


@pytest.mark.parametrize("status, headers, said", [
    (302, {"location": "/signin"}, f"it sends to /signin, and not to {ISSUER}"),
    (302, {"location": f"{ISSUER}.example.com/auth"}, f"it sends to {ISSUER}.example.com/auth, and not to {ISSUER}"),
    (307, {}, f"it sends to nowhere, and not to {ISSUER}"),
    (404, {}, "404"),
    (503, {}, "503"),
])  # fmt: skip
def test_what_neither_refuses_nor_sends_to_the_issuer_is_named(reached, monkeypatch, status, headers, said):
    monkeypatch.setitem(stand_in_hosts.ANSWERS, ("n8n", "/"), (status, headers, ""))
    assert failed(session()) == [f"n8n.{DOMAIN} asks who is there: {said}"]


@pytest.mark.parametrize("answer, said", [
    ((200, {}, '{"issuer": "https://dex.example.com"}'), "it calls itself https://dex.example.com"),
    ((200, {}, f'{{"issuer": "{ISSUER}/"}}'), f"it calls itself {ISSUER}/"),
    ((200, {}, "<html>"), "what it answers names no issuer"),
    ((200, {}, "{}"), "what it answers names no issuer"),
    ((200, {}, "[]"), "what it answers names no issuer"),
    ((503, {}, ""), "HTTP Error 503: Service Unavailable"),
])  # fmt: skip
def test_a_wrong_issuer_is_named(reached, monkeypatch, answer, said):
    monkeypatch.setitem(stand_in_hosts.ANSWERS, WELL_KNOWN, answer)
    assert failed(session()) == [f"the issuer is who it says: {said}"]


def test_a_certificate_that_nobody_vouches_for_is_named(reached, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    wrong = failed(session())
    assert len(wrong) == 1 + len(sign_in.GUARDED) and all("CERTIFICATE_VERIFY_FAILED" in one for one in wrong), wrong


def test_hosts_that_nobody_reaches_are_named(edge, monkeypatch):
    """The edge is not there, where the names lead to."""
    [port] = free_ports(1)
    stand_in_hosts.found(dataclasses.replace(edge, ports=edge.ports | {"https": port}), monkeypatch)
    wrong = failed(session())
    assert len(wrong) == 1 + len(sign_in.GUARDED) and all("Connection refused" in one for one in wrong), wrong


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", b""], ids=["no HTTP", "a part", "nothing"])
def test_what_speaks_no_http_is_named(said):
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.rfile.readline()
            self.wfile.write(said)

    with socketserver.TCPServer(("127.0.0.1", free_ports(1)[0]), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = "http://127.0.0.1:{}".format(server.server_address[1])
        assert sign_in.issued_by(url) and sign_in.guarded(url, url)
        server.shutdown()
