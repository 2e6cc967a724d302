"""What the edge's pod does before its Envoy is stopped, with the very command of the manifest: no stream
is cut, clients are told to go, and it takes no longer than the last stream."""

import json
import os
import subprocess

import pytest

from checks.cross_checks import pod_spec
from harness import rendering, running_edge
from harness.platforms import cluster
from harness.processes import eventually
from harness.running_edge import DOMAIN


@pytest.fixture
def edge(tmp_path):
    with running_edge.running(tmp_path / "edge", cluster("laptop")) as edge:
        yield edge


def pre_stop(edge, *more: str) -> subprocess.Popen:
    """The pod's preStop hook, with this test's program and port."""
    command = envoy(cluster("laptop"))["lifecycle"]["preStop"]["exec"]["command"]
    assert command[:4] == ["/tools/tollgate", "drain", "--admin", "9901"]
    return drain(edge, *command[4:], *more)


def drain(edge, *options: str) -> subprocess.Popen:
    command = [os.environ["TOLLGATE_CLI"], "drain", "--admin", str(edge.ports["admin"]), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def envoy(platform: rendering.Platform) -> dict:
    return pod_spec(platform.find("Deployment", "edge", "tollgate-edge"))["containers"][0]


def streaming(edge):
    """A request that is answered for some seconds, by an application that is not the module's business."""
    connection = edge.connect(f"chat.{DOMAIN}")
    connection.sendall(f"GET /stream HTTP/1.1\r\nhost: chat.{DOMAIN}\r\n\r\n".encode())
    assert b"200 OK" in connection.recv(4096)
    return connection


def test_it_ends_when_the_last_stream_has_and_not_before(edge):
    streams = [streaming(edge)]
    hook = pre_stop(edge, "--settle", "1")
    try:
        # It has begun when answers say so; what still comes is served, to its end too.
        eventually(lambda: said_to_go(edge))
        streams.append(streaming(edge))
        for stream in streams:
            rest = b""
            while b"0\r\n\r\n" not in rest:
                assert hook.poll() is None, hook.stdout.read()
                rest += stream.recv(65536)
            assert b"the end" in rest
        assert hook.wait(timeout=20) == 0
        assert hook.stdout.read().startswith("drained after ")
    finally:
        hook.kill()
        hook.wait()
        for stream in streams:
            stream.close()


def said_to_go(edge) -> bool:
    status, headers, body = edge.ask("GET", "/v1/models")
    assert (status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key")
    return headers.get("connection") == "close"


def test_a_stream_beyond_the_limit_does_not_hold_the_pod(edge):
    with streaming(edge):
        impatient = drain(edge, "--settle", "0", "--longest", "0")
        out, _ = impatient.communicate(timeout=20)
        assert (impatient.returncode, out) == (0, "1 requests still run after 0 s\n")


def test_it_says_that_there_is_no_envoy(tmp_path):
    command = [os.environ["TOLLGATE_CLI"], "drain", "--admin", "1", "--longest", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    asked, ended = done.stderr.splitlines()
    assert done.returncode == 2
    assert asked.startswith("warning: can't ask http://127.0.0.1:1/healthcheck/fail: ") and asked.endswith("; asking again")
    assert ended.startswith("error: can't ask http://127.0.0.1:1/healthcheck/fail: ")


def test_the_tool_installs_itself_for_a_container_that_has_none(tmp_path):
    target = tmp_path / "tollgate"
    subprocess.run([os.environ["TOLLGATE_CLI"], "drain", "--install", str(target)], check=True)
    assert subprocess.run([target, "--version"], check=True, capture_output=True, text=True).stdout.startswith("tollgate ")
