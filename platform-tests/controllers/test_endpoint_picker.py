"""The endpoint picker of the Inference Extension, with the configuration out of our manifests, against
a real API server: it holds a request for an empty pool, and releases it when a pod turns ready.

Scale-to-zero stands on this, and so does what the edge makes of the picker's words."""

import concurrent.futures
import contextlib
import copy
import hashlib
import http.client
import json
import os
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import api_server, rendering, stand_in_gateway, stand_in_model
from harness.platforms import cluster
from harness.processes import envoy, eventually, free_ports, process
from upstream import definitions

MODEL = "qwen2.5-0.5b-instruct"
POOL = "qwen2-5-0-5b-instruct"
# Where the pod's server listens: an address of loopback that no one else has on the pool's port.
POD_IP = "127.23.7.9"
HOLD_SECONDS = 8
TIMED_OUT = "inference error: ServiceUnavailable - request timed out in queue: request evicted from queue: request TTL expired"
KEY = "sk-test-picker"
RULES = f"""
models: {{{MODEL}: {{price: free, targets: {{stable: {{cold_start: 10m}}}}}}}}
organizations: {{home: {{teams: {{people: {{keys: {{me: {{hash: "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"}}}}}}}}}}}}
"""
CRDS = ("gateway-api-crds", "inference-extension-crds")


@dataclass(frozen=True)
class Picker:
    server: api_server.ApiServer
    port: int
    metrics: int

    def chat(self, objective: str = "") -> tuple[int, str]:
        headers = {"x-gateway-inference-fairness-id": "acme"}
        if objective:
            headers["x-gateway-inference-objective"] = objective
        status, _, body = chat(self.port, headers)
        return status, body

    def queued(self, priority: str = "") -> float:
        """The sum of what KEDA's query would see, or that of one priority."""
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics, timeout=10)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        found = [line for line in lines if line.startswith("inference_extension_flow_control_queue_size{")]
        assert all(f'inference_pool="{POOL}"' in line for line in found)
        return sum(float(line.rpartition(" ")[2]) for line in found if not priority or f'priority="{priority}"' in line)

    def pod_ready(self, ready: bool) -> None:
        conditions = [{"type": "Ready", "status": str(ready), "lastProbeTime": None}]
        status = {"phase": "Running", "podIP": POD_IP, "podIPs": [{"ip": POD_IP}], "conditions": conditions}
        done = self.server.kubectl(
            "patch", "pod", "server", "--namespace", "serving", "--subresource", "status",
            "--type", "merge", "--patch", json.dumps({"status": status}),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def chat(port: int, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"} | headers)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read().decode()


@pytest.fixture(scope="module")
def picker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("picker")
    platform = cluster("laptop")
    with api_server.running(folder) as server:
        prepare(server, platform)
        listen, grpc, health, metrics = free_ports(4)
        config = folder / "picker.yaml"
        text = platform.find("ConfigMap", "serving", "endpoint-picker").object["data"]["picker.yaml"]
        assert "defaultRequestTTL: 30s" in text
        # Shorter than the laptop's, so that the test of its end does not wait for it.
        config.write_text(text.replace("defaultRequestTTL: 30s", f"defaultRequestTTL: {HOLD_SECONDS}s"))
        command = epp(platform, folder, server, config, (grpc, health, metrics))
        (folder / "envoy.json").write_text(json.dumps(stand_in_gateway.asking(listen, grpc)))
        model = stand_in_model.serve(8000, POD_IP)
        with process("epp", command, folder), envoy("envoy", folder / "envoy.json", folder):
            picker = Picker(server, listen, metrics)
            wait_until_it_answers(picker, grpc, folder)
            yield picker
        model.shutdown()


def prepare(server: api_server.ApiServer, platform: rendering.Platform) -> None:
    """What the picker finds: its pool, and one pod that is not ready."""
    for name in CRDS:
        assert server.apply(definitions.by_application()[name]) == []
    server.established()
    assert server.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "serving"}}]) == []
    pool = platform.find("InferencePool", "serving", POOL).object
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "serving"}}
    labels = pool["spec"]["selector"]["matchLabels"]
    metadata = {"name": "server", "namespace": "serving", "labels": labels}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [{"name": "vllm", "image": "vllm"}]}}
    assert server.apply([account, pool, *objectives()]) == []
    assert server.apply([pod]) == []


def objectives() -> list[dict]:
    """Production's, for this pool."""
    found = [copy.deepcopy(rendered.object) for rendered in cluster("production").of("InferenceObjective")]
    for objective in found:
        objective["spec"]["poolRef"]["name"] = POOL
    return found


def epp(platform, folder: Path, server, config: Path, ports: tuple[int, int, int]) -> list[str]:
    """The rendered Deployment's own arguments, with this test's files and ports."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(server.kubeconfig()))
    deployment = platform.find("Deployment", "serving", f"{POOL}-picker").object
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    arguments = [argument.replace("/config/picker.yaml", str(config)) for argument in arguments]
    grpc, health, metrics = ports
    extra = [f"--grpc-port={grpc}", f"--grpc-health-port={health}", f"--metrics-port={metrics}", "--metrics-endpoint-auth=false"]
    return ["env", f"KUBECONFIG={kubeconfig}", rendering.program("epp"), *arguments, *extra]


def wait_until_it_answers(picker: Picker, grpc: int, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            picker.queued()
            with socket.create_connection(("127.0.0.1", grpc), timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError((folder / "epp.log").read_text(errors="replace")[-3000:])


@contextlib.contextmanager
def edge(folder: Path, gateway: int):
    """Tollgate before the gateway that asks the picker; its port."""
    (listen,) = free_ports(1)
    rules = folder / "rules"
    rules.mkdir()
    (rules / "rules.yaml").write_text(RULES)
    command = [
        os.environ["TOLLGATE_CLI"], "envoy-config", "--policies", rules, "--module", os.environ["TOLLGATE_MODULE"],
        "--upstream", f"127.0.0.1:{gateway}", "--listen", str(listen), "-o", folder / "edge",
    ]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with envoy("edge", folder / "edge/bootstrap.json", folder):
        eventually(lambda: is_open(listen))
        yield listen


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def test_a_request_for_an_empty_pool_is_held_then_refused(picker):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        started = time.monotonic()
        answer = pool.submit(picker.chat)
        eventually(lambda: picker.queued() == 1)
        status, body = answer.result()
    assert (status, body) == (503, TIMED_OUT)
    assert time.monotonic() - started >= HOLD_SECONDS - 1
    eventually(lambda: picker.queued() == 0)


def test_a_priority_is_that_of_the_objective(picker):
    """One below zero waits for a sleeping model like all others, and wakes it."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = [pool.submit(picker.chat, f"qwen2-5-coder-14b-instruct-{name}") for name in ("interactive", "batch")]
        eventually(lambda: picker.queued(priority="10") == 1 and picker.queued(priority="-10") == 1)
        assert [answer.result()[0] for answer in answers] == [503, 503]


def test_clients_of_the_edge_are_told_what_a_start_takes(picker, tmp_path):
    with edge(tmp_path, picker.port) as port:
        started = time.monotonic()
        status, headers, body = chat(port, {"authorization": f"Bearer {KEY}"})
    assert time.monotonic() - started >= HOLD_SECONDS - 1
    assert (status, headers["retry-after"], headers["content-type"]) == (503, "600", "application/json")
    assert json.loads(body)["error"]["code"] == "model_waking"


def test_a_request_that_waits_is_released_when_a_pod_turns_ready(picker):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = [pool.submit(picker.chat) for _ in range(3)]
        eventually(lambda: picker.queued() == 3)
        picker.pod_ready(True)
        results = [answer.result() for answer in answers]
    assert [status for status, _ in results] == [200, 200, 200], results
    assert json.loads(results[0][1])["choices"][0]["message"]["content"] == "Paris"


def test_a_request_to_a_pool_that_is_awake_passes_at_once(picker):
    picker.pod_ready(True)
    eventually(lambda: picker.chat()[0] == 200)
    assert picker.queued() == 0


def test_a_pod_that_goes_leaves_requests_waiting_again(picker):
    picker.pod_ready(False)
    eventually(lambda: picker.chat()[0] == 503)
