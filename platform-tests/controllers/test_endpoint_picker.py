"""The endpoint picker of the Inference Extension, with the configuration out of our manifests, against
a real API server: it holds a request for an empty pool, and releases it when a pod turns ready.

Scale-to-zero stands on this."""

import concurrent.futures
import copy
import http.client
import json
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import api_server
import definitions
import rendering
import stand_in_gateway
import stand_in_model
from conftest import cluster
from processes import envoy, eventually, free_ports, process

MODEL = "qwen2.5-0.5b-instruct"
POOL = "qwen2-5-0-5b-instruct"
# Where the pod's server listens: an address of loopback that no one else has on the pool's port.
POD_IP = "127.23.7.9"
HOLD_SECONDS = 8
CRDS = ("gateway-api-crds", "inference-extension-crds")


@dataclass(frozen=True)
class Picker:
    server: api_server.ApiServer
    port: int
    metrics: int

    def chat(self, objective: str = "") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        headers = {"content-type": "application/json", "x-gateway-inference-fairness-id": "acme"}
        if objective:
            headers["x-gateway-inference-objective"] = objective
        body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

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


def test_a_request_for_an_empty_pool_is_held_then_refused(picker):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        started = time.monotonic()
        answer = pool.submit(picker.chat)
        eventually(lambda: picker.queued() == 1)
        status, body = answer.result()
    assert status == 503 and "request timed out in queue" in body
    assert time.monotonic() - started >= HOLD_SECONDS - 1
    eventually(lambda: picker.queued() == 0)


def test_a_priority_is_that_of_the_objective(picker):
    """One below zero waits for a sleeping model like all others, and wakes it."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = [pool.submit(picker.chat, f"qwen2-5-coder-14b-instruct-{name}") for name in ("interactive", "batch")]
        eventually(lambda: picker.queued(priority="10") == 1 and picker.queued(priority="-10") == 1)
        assert [answer.result()[0] for answer in answers] == [503, 503]


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
