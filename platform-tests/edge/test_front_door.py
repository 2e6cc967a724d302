"""The front door out of the rendered manifest, in the real Envoy: which host is met by the module,
which by the other Gateway, and what of a request's own word about itself arrives."""

import json
import subprocess
from dataclasses import replace

import pytest

from harness import forks, mounts, rendering, running_edge
from harness.platforms import cluster
from harness.processes import eventually
from harness.running_edge import API, DOMAIN

CHAT = f"chat.{DOMAIN}"
# What says who somebody is. A caller may not say it.
CLAIMS = {
    "x-auth-request-user": "admin",
    "X-Auth-Request-Groups": "admins",
    "x-forwarded-user": "admin",
    "x-forwarded-email": "admin@example.com",
    "x-gateway-inference-objective": "first",
    "x-tollgate-cluster": "default",
    "x_auth_request_user": "admin",
}
USER = {"x-openwebui-user-email": "someone@example.com"}


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    with running_edge.running(tmp_path_factory.mktemp("front-door"), cluster("laptop")) as edge:
        yield edge


def test_the_apis_host_is_the_modules(edge):
    status, headers, body = edge.ask("GET", "/v1/models")
    assert (status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key")


def test_every_other_host_goes_to_the_platforms_gateway_as_it_came(edge):
    status, _, body = edge.ask("GET", "/v1/models?a=%2Fb", sni=CHAT)
    seen = json.loads(body)
    assert (status, seen["path"], seen["headers"]["host"]) == (200, "/v1/models?a=%2Fb", CHAT)
    # It shows the edge's certificate there as well.
    eventually(lambda: "serial=02 " in edge.log("platform-access"))


def test_nobody_says_who_they_are(edge):
    _, _, body = edge.ask("GET", "/", CLAIMS | USER, sni=CHAT)
    seen = json.loads(body)["headers"]
    forged = {name.lower() for name in CLAIMS | USER} & set(seen)
    assert forged == set()


@pytest.mark.parametrize(("sni", "host"), [(API, CHAT), (CHAT, API), (CHAT, API.upper()), (CHAT, f"{API}:443"), (API, "")])
def test_a_connection_is_for_its_own_host(edge, sni, host):
    status, _, body = edge.ask("GET", "/v1/models", {"host": host}, sni=sni)
    if host:
        assert status == 421
    if sni == API and host:
        assert json.loads(body)["error"]["code"] == "misdirected_request"
    if not host:
        assert status in (400, 421)


def test_a_misdirected_request_never_met_the_module(edge):
    before = requests_seen(edge)
    assert edge.ask("POST", "/v1/chat/completions", {"host": CHAT}, "{}")[0] == 421
    assert requests_seen(edge) == before


def requests_seen(edge) -> float:
    """Of the module, once for every request that it answers or forwards."""
    text = edge.ask_plain("metrics", "GET", "/stats/prometheus")[2]
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("tollgate_requests_total"))


def test_live_connections_pass(edge):
    lines = ["GET /ws HTTP/1.1", f"host: {CHAT}", "connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13", "", ""]
    with edge.connect(CHAT) as connection:
        connection.sendall("\r\n".join(lines).encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 101 ")
        connection.sendall(b"hello")
        assert connection.recv(4096) == b"hello"


def test_plain_http_leads_to_https_and_never_to_the_module(edge):
    status, headers, _ = edge.ask_plain("plain", "GET", "/a?b=c", {"host": CHAT})
    assert (status, headers["location"]) == (308, f"https://{CHAT}/a?b=c")
    status, _, body = edge.ask_plain("plain", "POST", "/v1/chat/completions", {"host": API, "authorization": "Bearer sk-x"}, "{}")
    assert (status, body) == (403, f"use https://{API}\n")


@pytest.mark.parametrize("host", [API, CHAT])
def test_an_authoritys_challenge_is_answered_by_the_platform(edge, host):
    path = "/.well-known/acme-challenge/token"
    status, _, body = edge.ask_plain("plain", "GET", path, CLAIMS | {"host": host})
    assert (status, json.loads(body)["path"]) == (200, path)
    assert {name.lower() for name in CLAIMS} & set(json.loads(body)["headers"]) == set()
    # Not a way around: dots are resolved before it is decided.
    assert edge.ask_plain("plain", "GET", "/.well-known/acme-challenge/../../v1/models", {"host": API})[0] == 403


def test_applications_ask_without_tls(edge):
    status, _, body = edge.ask_plain("applications", "GET", "/v1/models", USER)
    assert (status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key")


def test_of_the_admin_interface_only_metrics_are_to_be_seen(edge):
    status, _, text = edge.ask_plain("metrics", "GET", "/stats/prometheus")
    assert status == 200 and "envoy_server_live" in text
    for method, path in (("POST", "/stats/prometheus"), ("GET", "/"), ("GET", "/config_dump"), ("POST", "/quitquitquit"),
                         ("GET", "/stats/prometheus/../../config_dump"), ("GET", "/stats")):  # fmt: skip
        assert edge.ask_plain("metrics", method, path)[0] == 404, (method, path)


def test_a_renewed_certificate_is_shown_at_once(edge):
    assert serial(edge) == 3
    mounts.write(edge.folder / "front-door", edge.authority.secret("front-door", 9, f"*.{DOMAIN}"))
    eventually(lambda: serial(edge) == 9)


def serial(edge) -> int:
    with edge.connect(CHAT) as connection:
        return int(connection.getpeercert()["serialNumber"], 16)


def test_old_tls_and_no_tls_are_refused(edge):
    connect = f"127.0.0.1:{edge.ports['https']}"
    for version in ("-tls1", "-tls1_1"):
        command = ["openssl", "s_client", "-connect", connect, "-servername", API, version, "-cipher", "ALL:@SECLEVEL=0"]
        assert subprocess.run(command, input="", capture_output=True, text=True, timeout=20).returncode != 0
    with pytest.raises(OSError):
        edge.ask_plain("https", "GET", "/readyz", {"host": API})


def test_behind_a_load_balancer_addresses_are_what_it_says(tmp_path):
    fork = forks.copy(tmp_path / "fork")
    config = fork / "manifests/clusters/laptop/config.yaml"
    config.write_text(config.read_text().replace("{type: ClusterIP}", "{type: LoadBalancer, proxyProtocol: true}"))
    subprocess.run([fork / "scripts/render", "laptop"], check=True)
    header = b"PROXY TCP4 203.0.113.7 127.0.0.1 5555 443\r\n"
    with running_edge.running(tmp_path / "edge", rendering.render(fork, "laptop"), header) as edge:
        _, _, body = edge.ask("GET", "/", {"x-forwarded-for": "198.51.100.1"}, sni=CHAT)
        assert json.loads(body)["headers"]["x-forwarded-for"] == "198.51.100.1,203.0.113.7"
        with pytest.raises(OSError):
            replace(edge, proxy_header=b"").ask("GET", "/", sni=CHAT)
