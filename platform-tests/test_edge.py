"""The edge as its pod would have it: the Envoy configuration, module and policy out of the rendered
manifest, in the real Envoy, before a stand-in for agentgateway that asks for its certificate.

What differs from the pod is in `edge_files`: where folders are mounted, and which ports are free."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import mounts
import rendering
import stand_in_gateway
import stand_in_model
from authority import Authority
from conftest import ROOT, cluster
from processes import envoy, eventually, free_ports

GATEWAY = "llm-proxies.llm-gateway.svc.cluster.local"
KEY_TEAM = "home/people"


@dataclass(frozen=True)
class Edge:
    """A running edge and what a test may change under it."""

    folder: Path
    port: int
    ports: dict
    authority: Authority

    def chat(self, prompt: str, key: str | None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
        body = {"model": "chat", "stream": prompt.startswith("stream"), "messages": [{"role": "user", "content": prompt}]}
        with contextlib.closing(connection):
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def mount(self, config_map: dict) -> None:
        mounts.write(self.folder / "tollgate", edge_files(config_map, self.folder, self.ports))

    def seen_by_gateway(self) -> str:
        return (self.folder / "gateway-access.log").read_text()


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edge")
    listen, admin, gateway, model = free_ports(4)
    authority = Authority(folder, "platform")
    mounts.write(folder / "gateway-tls", authority.secret("gateway", 1, GATEWAY))
    mounts.write(folder / "tls", authority.secret("tollgate-edge", 2))
    edge = Edge(folder, listen, {"listen": listen, "admin": admin, "gateway": gateway}, authority)
    edge.mount(config_map(cluster("laptop")))
    stand = folder / "gateway.json"
    stand.write_text(json.dumps(stand_in_gateway.verifying(gateway, model, str(folder / "gateway-tls"), str(folder / "gateway-access.log"))))
    server = stand_in_model.serve(model)
    with envoy("gateway", stand, folder), envoy("edge", folder / "tollgate/bootstrap.json", folder):
        wait_ready(edge)
        yield edge
    server.shutdown()


def config_map(platform: rendering.Platform) -> dict:
    return platform.find("ConfigMap", "edge", "tollgate-edge").object


def wait_ready(edge: Edge) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("the edge is not ready:\n" + (edge.folder / "edge.log").read_text()[-3000:])


def edge_files(config_map: dict, folder: Path, ports: dict) -> dict[str, str]:
    """The ConfigMap's files with this test's folders and ports in place of the pod's."""
    files = {}
    for name, text in config_map["data"].items():
        text = text.replace("/etc/tollgate", str(folder / "tollgate")).replace("/etc/tls", str(folder / "tls"))
        content = json.loads(text.replace("/modules/plugin.wasm", os.environ["TOLLGATE_MODULE"]))
        files[name] = json.dumps(moved(content, ports))
    return files


def moved(value, ports: dict):
    """The same JSON with loopback addresses. Names that are verified stay as they are."""
    if isinstance(value, list):
        return [moved(item, ports) for item in value]
    if not isinstance(value, dict):
        return value
    address = value.get("socket_address", {})
    if address.get("address") == GATEWAY:
        return stand_in_gateway.address(ports["gateway"])
    if address.get("port_value") == 8080:
        return stand_in_gateway.address(ports["listen"])
    if address.get("port_value") == 9901:
        return stand_in_gateway.address(ports["admin"])
    return {key: moved(item, ports) for key, item in value.items()}


@pytest.fixture(scope="module")
def key(edge, tmp_path_factory) -> str:
    """A key that a commit adds: minted, written into the rules, rendered, and swapped in live."""
    copy = tmp_path_factory.mktemp("fork")
    for name in ("manifests", "scripts"):
        shutil.copytree(ROOT / name, copy / name, symlinks=True)
    minted = tollgate("keys", "mint", "--team", KEY_TEAM, "--name", "me")
    secret = next(word for word in minted.split() if word.startswith("sk-tollgate-"))
    digest = next(word for word in minted.split() if word.startswith("sha256:"))
    rules = copy / "manifests/clusters/laptop/policies/organizations/home.yaml"
    rules.write_text(rules.read_text().replace("people: {}", f"people: {{keys: {{me: {{hash: '{digest}'}}}}}}"))
    subprocess.run([copy / "scripts/render", "laptop"], check=True)
    edge.mount(config_map(rendering.render(copy, "laptop")))
    eventually(lambda: edge.chat("hello", secret)[0] == 200)
    return secret


def tollgate(*arguments: str) -> str:
    command = [os.environ["TOLLGATE_CLI"], *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_no_one_passes_without_a_key(edge):
    status, body = edge.chat("hello", None)
    assert (status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key")


def test_a_key_that_is_rendered_and_swapped_in_passes(edge, key):
    status, body = edge.chat("The capital of France?", key)
    assert (status, json.loads(body)["choices"][0]["message"]["content"]) == (200, "Paris")


def test_the_gateway_sees_the_model_and_the_edges_certificate_and_no_key(edge, key):
    edge.chat("hello", key)
    # The servers' own key is added below the edge.
    expected = "serial=02 model=qwen2.5-0.5b-instruct authorization=-"
    eventually(lambda: edge.seen_by_gateway())
    assert set(edge.seen_by_gateway().splitlines()) == {expected}


def test_a_renewed_certificate_is_used(edge, key):
    mounts.write(edge.folder / "tls", edge.authority.secret("tollgate-edge", 7))

    def renewed() -> bool:
        # The certificate is shown when a connection begins; one that is idle ends after 4 s.
        time.sleep(5)
        edge.chat("hello", key)
        return "serial=07 " in edge.seen_by_gateway()

    eventually(renewed)


def test_the_gateway_refuses_who_has_no_certificate(edge):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{edge.ports['gateway']}", "-servername", GATEWAY, "-alpn", "h2", "-quiet"],
        input="PRI * HTTP/2.0\r\n\r\n", capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert "alert certificate required" in done.stderr


def test_a_broken_file_changes_nothing(edge, key):
    files = edge_files(config_map(cluster("laptop")), edge.folder, edge.ports)
    mounts.write(edge.folder / "tollgate", files | {"module.json": '{"resources": [{"@type": "nothing"}]}'})
    log = edge.folder / "edge.log"
    eventually(lambda: "Filesystem config update failure" in log.read_text())
    assert edge.chat("hello", key)[0] == 200


def test_a_stream_outlives_a_swap(edge, key):
    with socket.create_connection(("127.0.0.1", edge.port)) as connection:
        body = json.dumps({"model": "chat", "stream": True, "messages": [{"role": "user", "content": "stream 3"}]})
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        connection.sendall((head + body).encode())
        assert b"200 OK" in connection.recv(4096)
        # The committed rules, in which the key is not: no new request passes, the stream does.
        edge.mount(config_map(cluster("laptop")))
        eventually(lambda: edge.chat("hello", key)[0] == 401)
        rest = b""
        while piece := connection.recv(65536):
            rest += piece
    assert b"data: [DONE]" in rest
