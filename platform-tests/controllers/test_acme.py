"""A certificate of a public authority by HTTP-01: cert-manager's own controllers, Let's Encrypt's own test
authority (Pebble), and between them the rendered edge of `production` in the real Envoy.

No kubelet runs: `Solver` answers what the pod would, found by the route, the Service and the pod that
cert-manager made. A name server says of each name that it is this machine, and the controllers look at
port 80 by a proxy: the edge."""

import base64
import contextlib
import copy
import json
import ssl
import urllib.request
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cert_manager
import pytest
from cert_manager import CertManager
from certificates import Certificate

from harness import mounts, rendering, running_edge
from harness.authority import Authority
from harness.platforms import cluster
from harness.processes import eventually, free_ports, process, served
from harness.running_edge import Edge

PATIENCE = 120
CHALLENGE = "/.well-known/acme-challenge/"


class Solver:
    """The Gateway `platform` and the solvers' pods behind it; what it has seen is kept."""

    def __init__(self):
        self.manager: CertManager | None = None
        self.routes: dict[str, dict] = {}
        self.pods: dict[str, dict] = {}

    def serve(self, port: int) -> ThreadingHTTPServer:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler):
                status, text = self.answer(handler.headers["host"].partition(":")[0], handler.path)
                handler.send_response(status)
                handler.send_header("content-length", str(len(text)))
                handler.end_headers()
                handler.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        return served(Handler, port)

    def answer(self, host: str, path: str) -> tuple[int, str]:
        if not path.startswith(CHALLENGE):
            return 200, ""
        for route in self.manager.list("httproute", "edge"):
            rule = route["spec"]["rules"][0]
            if host in route["spec"]["hostnames"] and rule["matches"][0]["path"] == {"type": "Exact", "value": path}:
                pod = self.behind(rule["backendRefs"][0])
                self.routes[host], self.pods[host] = route, pod
                arguments = dict(argument.removeprefix("--").split("=", 1) for argument in pod["spec"]["containers"][0]["args"])
                assert arguments["domain"] == host and arguments["token"] == path.removeprefix(CHALLENGE)
                return 200, arguments["key"]
        return 404, "no route"

    def behind(self, backend: dict) -> dict:
        service = self.manager.get("service", "edge", backend["name"])
        assert backend["port"] in [port["port"] for port in service["spec"]["ports"]]
        selector = service["spec"]["selector"].items()
        return next(pod for pod in self.manager.list("pod", "edge") if selector <= pod["metadata"]["labels"].items())


@dataclass(frozen=True)
class Public:
    """The cluster, its edge and its public authority, whose root is served at `roots`."""

    manager: CertManager
    edge: Edge
    solver: Solver
    temporary: dict[str, str]
    roots: str
    folder: Path

    def front_door(self) -> dict[str, str]:
        return self.manager.issued(self.certificate(), PATIENCE)

    def certificate(self) -> rendering.Rendered:
        return self.manager.platform.find("Certificate", "edge", "front-door")

    def hosts(self) -> list[str]:
        return self.certificate().object["spec"]["dnsNames"]


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    folder = tmp_path_factory.mktemp("acme")
    platform, solver = cluster("production"), Solver()
    directory, roots, names, controls = free_ports(4)
    authority = Authority(folder, "directory")
    mounts.write(folder / "tls", authority.secret("localhost", 1, "localhost"))
    acme = {"server": f"https://localhost:{directory}/dir", "caBundle": base64.b64encode((authority.folder / "ca.crt").read_bytes()).decode()}
    with running_edge.running(folder / "edge", platform, application=solver.serve) as edge:
        (folder / "pebble.json").write_text(json.dumps(pebble(folder, directory, roots, edge.ports["plain"])))
        environment = {"HTTP_PROXY": f"http://127.0.0.1:{edge.ports['plain']}"}
        with process("names", name_server(names, controls), folder), process("pebble", authority_of_all(folder, names), folder):
            with cert_manager.running(platform, folder / "cert-manager", acme, environment) as manager:
                solver.manager = manager
                eventually(lambda: "tls.crt" in manager.secret("edge", "front-door"), PATIENCE)
                yield Public(manager, edge, solver, manager.secret("edge", "front-door"), f"https://localhost:{roots}/roots/0", folder)


def name_server(port: int, management: int) -> list[str]:
    """Every name is this machine."""
    off = [f"-{one}=" for one in ("http01", "https01", "tlsalpn01", "doh", "defaultIPv6")]
    listening = [f"-dnsserver=127.0.0.1:{port}", f"-management=127.0.0.1:{management}"]
    return [rendering.program("pebble-challtestsrv"), *off, *listening, "-defaultIPv4=127.0.0.1"]


def authority_of_all(folder: Path, names: int) -> list[str]:
    """Without the waits and the refused nonces by which it tries its clients."""
    program = [rendering.program("pebble"), "-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{names}"]
    return ["env", "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", *program]


def pebble(folder: Path, directory: int, roots: int, plain: int) -> dict:
    """Its configuration: port 80 of every host is the edge's."""
    return {
        "pebble": {
            "listenAddress": f"127.0.0.1:{directory}",
            "managementListenAddress": f"127.0.0.1:{roots}",
            "certificate": str(folder / "tls/tls.crt"),
            "privateKey": str(folder / "tls/tls.key"),
            "httpPort": plain,
            "tlsPort": 1,
            "retryAfter": {"authz": 1, "order": 1},
            "profiles": {"default": {"description": "as Let's Encrypt's", "validityPeriod": 90 * 24 * 3600}},
        }
    }


def test_until_then_the_front_door_has_a_certificate_of_no_authority(public):
    """The edge's pod, through which the challenge goes, would not start without its files."""
    temporary = Certificate(public.temporary["tls.crt"])
    assert temporary.names() == {f"DNS:{host}" for host in public.hosts()}
    assert "Pebble" not in temporary.issuer()
    assert public.temporary["tls.key"].startswith("-----BEGIN")


def test_every_host_is_certified_by_the_public_authority(public):
    made = Certificate(public.front_door()["tls.crt"])
    assert made.names() == {f"DNS:{host}" for host in public.hosts()}
    assert "Pebble" in made.issuer()
    assert made.usages() >= {"TLS Web Server Authentication"}
    # What was asked for each, came in at the edge's port 80.
    assert set(public.solver.routes) == set(public.hosts())


def test_solvers_are_reached_as_the_manifests_say(public):
    """Their route is one that the Gateway takes, and their pods are those that the network policy lets the
    Gateway to."""
    public.front_door()
    platform = public.manager.platform
    solver = platform.find("ClusterIssuer", None, "acme").object["spec"]["acme"]["solvers"][0]["http01"]["gatewayHTTPRoute"]
    gateway = platform.find("Gateway", "platform-gateway", "platform").object
    namespace = platform.find("Namespace", None, "edge").object["metadata"]["labels"]
    taken = gateway["spec"]["listeners"][0]["allowedRoutes"]["namespaces"]["selector"]["matchLabels"]
    policy = platform.find("NetworkPolicy", "edge", "acme-solver").object["spec"]
    for route in public.solver.routes.values():
        assert route["spec"]["parentRefs"] == solver["parentRefs"]
        (parent,) = route["spec"]["parentRefs"]
        assert (parent["namespace"], parent["name"]) == ("platform-gateway", gateway["metadata"]["name"])
        assert parent["sectionName"] == gateway["spec"]["listeners"][0]["name"]
        assert taken.items() <= namespace.items()
    for pod in public.solver.pods.values():
        assert policy["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        ports = [port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]]
        assert ports == [port["port"] for rule in policy["ingress"] for port in rule["ports"]]


def test_solvers_pods_are_let_in(public):
    """By Pod Security, and by the admission policy, which takes no other image without a digest."""
    public.front_door()
    pod = next(iter(public.solver.pods.values()))
    again = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "again", "namespace": "edge"}, "spec": pod["spec"]}
    other = copy.deepcopy(again)
    other["spec"]["containers"][0]["image"] = "quay.io/jetstack/another:v1"
    server = public.manager.server
    # The API server takes up a new policy within some seconds.
    eventually(lambda: "images must be named by digest" in server.create(other))
    assert server.create(again) == ""
    assert server.kubectl("delete", "pod", "again", "--namespace", "edge", "--now").returncode == 0


def test_nothing_of_a_challenge_is_left(public):
    """Routes go with the challenges that own them, by the garbage collector, which does not run here."""
    public.front_door()
    for kind in ("challenge", "pod", "service"):
        eventually(lambda kind=kind: public.manager.list(kind, "edge") == [], PATIENCE)
    owners = [owner["kind"] for route in public.manager.list("httproute", "edge") for owner in route["metadata"]["ownerReferences"]]
    assert set(owners) <= {"Challenge"}


def test_the_edge_shows_the_public_certificate(public):
    """Verified by whoever knows the authority's root, and has the chain from the edge."""
    mounts.write(public.edge.folder / "front-door", public.front_door())
    context = ssl.create_default_context(cafile=str(public.folder / "directory/ca.crt"))
    root = public.folder / "ca.crt"
    root.write_bytes(urllib.request.urlopen(public.roots, context=context, timeout=20).read())
    browser = replace(public.edge, authority=Known(public.folder))
    for host in public.hosts():
        eventually(lambda host=host: shows(browser, host))


@dataclass(frozen=True)
class Known:
    """In place of `authority.Authority`: a folder with the `ca.crt` that is trusted."""

    folder: Path


def shows(edge: Edge, host: str) -> bool:
    with contextlib.suppress(ssl.SSLCertVerificationError), edge.connect(host):
        return True
    return False
