"""The edge out of the rendered manifest, in the real Envoy, with the very Secrets that cert-manager made
of our Certificates: whom it and its gateways let through, and whom they refuse."""

import contextlib
import socket
import ssl
from dataclasses import dataclass, replace
from pathlib import Path

import cert_manager
import pytest
import yaml
from cert_manager import CertManager
from certificates import Certificate

from harness import forks, mounts, rendering, running_edge
from harness.authority import Authority
from harness.processes import eventually, free_ports
from harness.running_edge import LLM, Edge

# With which a client of HTTP/2 begins, and its empty SETTINGS.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


class Issued:
    """In place of `authority.Authority`: what cert-manager made, by who mounts it."""

    def __init__(self, manager: CertManager, folder: Path):
        self.manager, self.folder = manager, folder
        folder.mkdir()
        (folder / "ca.crt").write_text(self.secret("tollgate-edge")["ca.crt"])

    def secret(self, name: str, *_) -> dict[str, str]:
        return self.manager.issued(self.certificate(name))

    def certificate(self, name: str) -> rendering.Rendered:
        platform = self.manager.platform
        if gateway := platform.find("Gateway", f"{name}-gateway", name):
            place = (gateway.namespace, gateway.object["spec"]["listeners"][0]["tls"]["certificateRefs"][0]["name"])
        else:
            volumes = platform.find("Deployment", "edge", "tollgate-edge").object["spec"]["template"]["spec"]["volumes"]
            volume = "tls" if name == "tollgate-edge" else name
            place = ("edge", next(one["secret"]["secretName"] for one in volumes if one["name"] == volume))
        return next(one for one in platform.of("Certificate") if (one.namespace, one.object["spec"]["secretName"]) == place)


@dataclass(frozen=True)
class Behind:
    """In place of an authority too: the gateway has this Secret, whatever its name."""

    data: dict[str, str]

    def secret(self, *_) -> dict[str, str]:
        return self.data


@dataclass(frozen=True)
class Running:
    edge: Edge
    issued: Issued
    key: str

    def answer(self) -> int:
        return self.edge.chat("hello", self.key)[0]

    def refusals(self, why: str) -> int:
        """How many gateways the edge has refused, by Envoy's counter."""
        counters = self.edge.ask_plain("admin", "GET", f"/stats?filter=ssl.{why}$")[2]
        return sum(int(line.split()[-1]) for line in counters.splitlines())

    @contextlib.contextmanager
    def gateway(self, secret: dict[str, str], folder: Path):
        """Another gateway in the place of `llm`, which the edge is told live."""
        (port,) = free_ports(1)
        moved = replace(self.edge, ports=self.edge.ports | {"llm": port})
        other = replace(moved, folder=folder, authority=Behind(secret))
        config = running_edge.config_map(self.issued.manager.platform)
        with running_edge.gateway(other, "llm", LLM, "model"):
            eventually(lambda: listens(port))
            moved.mount(config)
            try:
                eventually(lambda: str(port) in self.edge.ask_plain("admin", "GET", "/clusters")[2])
                yield other
            finally:
                self.edge.mount(config)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutual-tls")
    platform, key = laptop(folder / "fork")
    with cert_manager.running(platform, folder / "cert-manager") as manager:
        issued = Issued(manager, folder / "issued")
        with running_edge.running(folder / "edge", platform, authority=issued) as edge:
            yield Running(edge, issued, key)


def laptop(fork: Path) -> tuple[rendering.Platform, str]:
    """A laptop with a key, and a host besides the API's."""
    _, key = forks.with_key(fork)
    file = fork / "manifests/clusters/laptop/config.yaml"
    production = yaml.safe_load((fork / "manifests/clusters/production/config.yaml").read_text())
    more = {"features": {"dex": True, "openWebui": True}, "identity": production["identity"]}
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | more))
    return rendering.render(fork, "laptop"), key


def test_a_request_passes_and_the_gateway_sees_the_edges_certificate(running):
    assert running.answer() == 200
    serial = Certificate(running.issued.secret("tollgate-edge")["tls.crt"]).serial().lower()
    eventually(lambda: f"serial={serial} " in running.edge.log("llm-access"))


def test_a_gateway_of_another_authority_is_refused(running, tmp_path):
    other = Authority(tmp_path, "other").secret("llm", 1, LLM)
    before = running.refusals("fail_verify_error")
    # It would take the edge's certificate: only the edge can say no.
    with running.gateway(other | {"ca.crt": running.issued.secret("llm")["ca.crt"]}, tmp_path) as gateway:
        assert running.answer() == 503
        assert "serial=" not in gateway.log("llm-access")
    assert running.refusals("fail_verify_error") > before
    eventually(lambda: running.answer() == 200)


def test_a_gateway_of_another_name_is_refused(running, tmp_path):
    before = running.refusals("fail_verify_san")
    with running.gateway(running.issued.secret("platform"), tmp_path) as gateway:
        assert running.answer() == 503
        assert "serial=" not in gateway.log("llm-access")
    assert running.refusals("fail_verify_san") > before
    eventually(lambda: running.answer() == 200)


def test_a_renewed_gateway_and_a_renewed_edge_know_each_other(running, tmp_path):
    certificate = running.issued.certificate("tollgate-edge")
    before = running.issued.secret("tollgate-edge")
    mounts.write(running.edge.folder / "tls", running.issued.manager.renew(certificate))
    serial = Certificate(running.issued.secret("tollgate-edge")["tls.crt"]).serial().lower()
    assert serial != Certificate(before["tls.crt"]).serial().lower()
    with running.gateway(running.issued.manager.renew(running.issued.certificate("llm")), tmp_path) as gateway:
        assert running.answer() == 200
        eventually(lambda: f"serial={serial} " in gateway.log("llm-access"))


def test_a_gateway_answers_who_has_the_edges_certificate(running, tmp_path):
    assert said(running, running.issued.secret("tollgate-edge"), tmp_path) == ""


@pytest.mark.parametrize("who", ["platform", "front-door"])
def test_a_gateway_refuses_a_servers_certificate_of_the_same_authority(running, tmp_path, who):
    assert "alert unsupported certificate" in said(running, running.issued.secret(who), tmp_path)


def test_a_gateway_refuses_who_has_none_or_another_authoritys(running, tmp_path):
    assert "alert handshake failure" in said(running, {}, tmp_path)
    other = Authority(tmp_path, "other").secret("tollgate-edge", 1)
    assert "alert unknown ca" in said(running, other, tmp_path)


def said(running: Running, secret: dict[str, str], folder: Path) -> str:
    """What the gateway `llm` says against a client with this certificate; '' where it speaks HTTP/2."""
    context = ssl.create_default_context(cafile=str(running.issued.folder / "ca.crt"))
    context.set_alpn_protocols(["h2"])
    # There a refusal is part of the handshake. In 1.3 it comes after it, and may be lost.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if secret:
        for name in ("tls.crt", "tls.key"):
            (folder / name).write_text(secret[name])
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    connection = socket.create_connection(("127.0.0.1", running.edge.ports["llm"]), timeout=20)
    try:
        with context.wrap_socket(connection, server_hostname=LLM) as connection:
            connection.sendall(PREFACE)
            return "" if connection.recv(9) else "closed"
    except ssl.SSLError as error:
        return str(error)


def test_browsers_see_the_front_doors_certificate(running):
    """Verified by the authority, for both hosts; and for no other."""
    serial = Certificate(running.issued.secret("front-door")["tls.crt"]).serial()
    for host in (running_edge.API, f"chat.{running_edge.DOMAIN}"):
        with running.edge.connect(host) as connection:
            assert connection.getpeercert()["serialNumber"] == serial
    with pytest.raises(OSError, match="Hostname mismatch"):
        running.edge.connect(f"other.{running_edge.DOMAIN}")
