"""The edge out of the rendered manifest, in the real Envoy: keys, rules and certificates change while
it runs."""

import json
import subprocess
import time

import pytest

from harness import forks, mounts, running_edge
from harness.platforms import cluster
from harness.processes import eventually


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    with running_edge.running(tmp_path_factory.mktemp("edge"), cluster("laptop")) as edge:
        yield edge


@pytest.fixture(scope="module")
def key(edge, tmp_path_factory) -> str:
    """A key that a commit adds: minted, written into the rules, rendered, and swapped in live."""
    platform, secret = forks.with_key(tmp_path_factory.mktemp("fork"))
    edge.mount(running_edge.config_map(platform))
    eventually(lambda: edge.chat("hello", secret)[0] == 200)
    return secret


def test_no_one_passes_without_a_key(edge):
    status, body = edge.chat("hello", None)
    assert (status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key")


def test_a_key_that_is_rendered_and_swapped_in_passes(edge, key):
    status, body = edge.chat("The capital of France?", key)
    assert (status, json.loads(body)["choices"][0]["message"]["content"]) == (200, "Paris")


def test_the_gateway_sees_the_model_and_the_edges_certificate_and_no_key(edge, key):
    edge.chat("hello", key)
    # The servers' own key is added below the edge.
    expected = "serial=02 model=qwen2.5-0.5b-instruct authorization=- user=- signed-in=-"
    eventually(lambda: edge.log("llm-access"))
    assert set(edge.log("llm-access").splitlines()) == {expected}


def test_an_application_says_who_its_user_is_and_nobody_else_does(edge, key):
    headers, body = running_edge.chat("hello", key)
    headers |= {"x-openwebui-user-email": "someone@example.com", "x-auth-request-user": "admin"}
    assert edge.ask_plain("applications", "POST", "/v1/chat/completions", headers, body)[0] == 200
    eventually(lambda: "user=someone@example.com " in edge.log("llm-access"))
    assert edge.ask("POST", "/v1/chat/completions", headers, body)[0] == 200
    edge.chat("the last one", key)
    eventually(lambda: edge.log("llm-access").endswith("user=- signed-in=-\n"))
    assert edge.log("llm-access").count("user=someone@example.com ") == 1
    assert "signed-in=admin" not in edge.log("llm-access")


def test_a_renewed_certificate_is_used(edge, key):
    mounts.write(edge.folder / "tls", edge.authority.secret("tollgate-edge", 7))

    def renewed() -> bool:
        # The certificate is shown when a connection begins; one that is idle ends after 4 s.
        time.sleep(5)
        edge.chat("hello", key)
        return "serial=07 " in edge.log("llm-access")

    eventually(renewed)


def test_the_gateways_refuse_who_has_no_certificate(edge):
    for name, host in (("llm", running_edge.LLM), ("platform", running_edge.PLATFORM)):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{edge.ports[name]}", "-servername", host, "-alpn", "h2", "-quiet"],
            input="PRI * HTTP/2.0\r\n\r\n", capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        assert "alert certificate required" in done.stderr


def test_a_broken_file_changes_nothing(edge, key):
    files = edge.files(running_edge.config_map(cluster("laptop")))
    mounts.write(edge.folder / "tollgate", files | {"module.json": '{"resources": [{"@type": "nothing"}]}'})
    eventually(lambda: "Filesystem config update failure" in edge.log("edge"))
    assert edge.chat("hello", key)[0] == 200


def test_a_stream_outlives_a_swap(edge, key):
    headers, body = running_edge.chat("stream 3", key)
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {running_edge.API}\r\n{''.join(lines)}content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    with edge.connect(running_edge.API) as connection:
        connection.sendall((head + body).encode())
        assert b"200 OK" in connection.recv(4096)
        # The committed rules, in which the key is not: no new request passes, the stream does.
        edge.mount(running_edge.config_map(cluster("laptop")))
        eventually(lambda: edge.chat("hello", key)[0] == 401)
        rest = b""
        while piece := connection.recv(65536):
            rest += piece
    assert b"data: [DONE]" in rest
