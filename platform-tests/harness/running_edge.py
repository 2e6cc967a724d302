"""The edge as its pod would have it: the Envoy configuration, module and policy out of the rendered
manifest, in the real Envoy, before stand-ins for agentgateway's two Gateways that ask for its
certificate.

What differs from the pod is in `Edge.files`: where folders are mounted, and which ports are free."""

import contextlib
import http.client
import json
import os
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import mounts, rendering, stand_in_application, stand_in_gateway, stand_in_model
from harness.authority import Authority
from harness.processes import envoy, free_ports

DOMAIN = "tollgate.localhost"
API = f"api.{DOMAIN}"
LLM = "llm-proxies.llm-gateway.svc.cluster.local"
PLATFORM = "platform-proxies.platform-gateway.svc.cluster.local"
# The pod's ports, by what they are for.
PORTS = {8443: "https", 8080: "plain", 8081: "applications", 9090: "metrics", 9901: "admin"}


@dataclass(frozen=True)
class Edge:
    """A running edge and what a test may change under it. `ports` are its own, by PORTS, and those of
    the stand-ins: `llm`, `model`, `platform`, `application`."""

    folder: Path
    ports: dict[str, int]
    authority: Authority
    # What a load balancer sends in front of each connection, if it does.
    proxy_header: bytes = b""
    domain: str = DOMAIN

    def ask(self, method: str, path: str, headers: dict | None = None, body: str | None = None, **where) -> tuple[int, dict, str]:
        """Over TLS: status, headers, body. `where` has the name that the connection asks for, `sni`."""
        sni = where.get("sni", API)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.ports["https"], timeout=30)) as connection:
            connection.sock = self.connect(sni)
            connection.request(method, path, body, {"host": sni} | (headers or {}))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()

    def ask_plain(self, port: str, method: str, path: str, headers: dict | None = None, body: str | None = None) -> tuple[int, dict, str]:
        """The same over plain HTTP, at another of its ports."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.ports[port], timeout=30)) as connection:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()

    def connect(self, sni: str) -> ssl.SSLSocket:
        """A connection whose certificate is verified."""
        context = ssl.create_default_context(cafile=str(self.authority.folder / "ca.crt"))
        connection = socket.create_connection(("127.0.0.1", self.ports["https"]), timeout=30)
        connection.sendall(self.proxy_header)
        return context.wrap_socket(connection, server_hostname=sni)

    def chat(self, prompt: str, key: str | None) -> tuple[int, str]:
        headers, body = chat(prompt, key)
        status, _, answer = self.ask("POST", "/v1/chat/completions", headers, body)
        return status, answer

    def mount(self, config_map: dict) -> None:
        mounts.write(self.folder / "tollgate", self.files(config_map))

    def files(self, config_map: dict) -> dict[str, str]:
        """The ConfigMap's files with this test's folders and ports in place of the pod's."""
        files = {}
        for name, text in config_map["data"].items():
            for folder in ("tollgate", "tls", "front-door"):
                text = text.replace(f'"/etc/{folder}', f'"{self.folder / folder}')
            content = json.loads(text.replace("/modules/plugin.wasm", os.environ["TOLLGATE_MODULE"]))
            files[name] = json.dumps(moved(content, self.ports))
        return files

    def answered(self) -> list[dict]:
        """What its access log has of the questions that went to a model."""
        lines = [json.loads(line) for line in self.log("edge").splitlines() if line.startswith("{")]
        return [line for line in lines if line["model"]]

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()


def chat(prompt: str, key: str | None) -> tuple[dict, str]:
    """Headers and body of a request; a prompt of `stream N` is answered for N seconds."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    body = {"model": "chat", "stream": prompt.startswith("stream"), "messages": [{"role": "user", "content": prompt}]}
    return headers, json.dumps(body)


def moved(value, ports: dict[str, int]):
    """The same JSON with loopback addresses. Names that are verified stay as they are."""
    if isinstance(value, list):
        return [moved(item, ports) for item in value]
    if not isinstance(value, dict):
        return value
    address = value.get("socket_address", {})
    gateways = {LLM: "llm", PLATFORM: "platform"}
    if name := gateways.get(address.get("address")) or PORTS.get(address.get("port_value")):
        return stand_in_gateway.address(ports[name])
    return {key: moved(item, ports) for key, item in value.items()}


@contextlib.contextmanager
def running(
    folder: Path,
    platform: rendering.Platform,
    proxy_header: bytes = b"",
    authority: Authority | None = None,
    application: Callable = stand_in_application.serve,
):
    """The edge of a cluster, with the stand-ins behind it; `application` serves behind the platform's Gateway."""
    names = [*PORTS.values(), "llm", "model", "platform", "application"]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    domain = platform.values["domain"]
    edge = Edge(folder, ports, authority or Authority(folder, "platform-authority"), proxy_header, domain)
    mounts.write(folder / "tls", edge.authority.secret("tollgate-edge", 2))
    mounts.write(folder / "front-door", edge.authority.secret("front-door", 3, f"*.{domain}"))
    edge.mount(config_map(platform))
    with contextlib.ExitStack() as stack:
        for server in (stand_in_model.serve(edge.ports["model"]), application(edge.ports["application"])):
            stack.callback(server.shutdown)
        stack.enter_context(gateway(edge, "llm", LLM, "model"))
        stack.enter_context(gateway(edge, "platform", PLATFORM, "application"))
        stack.enter_context(envoy("edge", folder / "tollgate/bootstrap.json", folder))
        wait_ready(edge)
        yield edge


def gateway(edge: Edge, name: str, host: str, upstream: str):
    """A stand-in for a Gateway's proxy. What it sees is in NAME-access.log."""
    secret, config = edge.folder / f"{name}-tls", edge.folder / f"{name}.json"
    mounts.write(secret, edge.authority.secret(name, 1, host))
    log = str(edge.folder / f"{name}-access.log")
    config.write_text(json.dumps(stand_in_gateway.verifying(edge.ports[name], edge.ports[upstream], str(secret), log)))
    return envoy(name, config, edge.folder)


def config_map(platform: rendering.Platform) -> dict:
    return platform.find("ConfigMap", "edge", "tollgate-edge").object


def wait_ready(edge: Edge) -> None:
    """As the pod's probe asks, and until the gateways are there too."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            ready = edge.ask_plain("applications", "GET", "/readyz")[0] == 200
            if ready and edge.ask("GET", "/", sni=f"chat.{edge.domain}")[0] == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("the edge is not ready:\n" + edge.log("edge")[-3000:])
