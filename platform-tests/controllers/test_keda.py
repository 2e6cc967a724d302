"""KEDA's own operator with a ScaledObject out of our manifests, a real Prometheus and a real API server:
a model wakes by what its picker holds, stays awake while it starts or works, and sleeps again.

What runs pods and makes metrics is a script; nothing here takes a GPU."""

import copy
import json
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass

import pytest
import yaml

from harness import api_server, rendering, stand_in_measures
from harness.authority import Authority
from harness.platforms import cluster
from harness.processes import eventually, free_ports, process
from harness.stand_in_measures import Measures
from upstream import definitions

MODEL = "qwen2-5-coder-1-5b"
COOLDOWN_SECONDS = 4
# Long enough for KEDA to have put the model to sleep, were it not for what a test is about.
PATIENCE_SECONDS = 3 * COOLDOWN_SECONDS


@dataclass(frozen=True)
class Model:
    server: api_server.ApiServer
    measures: Measures
    scaled: dict
    prometheus: int

    def pods(self) -> int:
        return self.measures.wanted()

    def asleep(self) -> bool:
        return self.pods() == 0

    def stays_awake(self) -> bool:
        """Whether it has its pod for longer than KEDA waits before it takes the last one."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if self.asleep():
                return False
            time.sleep(0.5)
        return True

    def measured(self) -> bool:
        """Whether each question of KEDA's has an answer."""
        return all(answer(self.prometheus, trigger["metadata"]["query"]) for trigger in self.scaled["spec"]["triggers"])

    def status(self) -> dict:
        done = self.server.kubectl("get", "scaledobject", MODEL, "--namespace", "serving", "--output", "json")
        return json.loads(done.stdout).get("status", {})

    def is_ready(self) -> bool:
        return any(one["type"] == "Ready" and one["status"] == "True" for one in self.status().get("conditions", []))

    def is_seen_at_work(self) -> None:
        """Waits until KEDA counts its wait anew."""
        before = self.status().get("lastActiveTime")
        eventually(lambda: self.status().get("lastActiveTime") != before)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keda")
    platform = cluster("production")
    with api_server.running(folder) as server:
        exported, prometheus, *ports = free_ports(5)
        prepare(server, platform)
        measures = Measures(MODEL, lambda: replicas(server))
        exporter = stand_in_measures.serve(measures, exported)
        scraped = {"global": {"scrape_interval": "1s"}, "scrape_configs": measures.scrape_configs(exported)}
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(scraped))
        asking = [
            rendering.program("prometheus"), f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'prometheus'}", f"--web.listen-address=127.0.0.1:{prometheus}",
        ]  # fmt: skip
        with process("prometheus", asking, folder), process("keda", keda(folder, server, ports), folder):
            try:
                model = Model(server, measures, scaled_object(platform, prometheus), prometheus)
                eventually(model.measured)
                assert server.apply([model.scaled]) == []
                eventually(model.is_ready)
            except AssertionError as error:
                raise AssertionError((folder / "keda.log").read_text(errors="replace")[-4000:]) from error
            yield model
        exporter.shutdown()


def prepare(server: api_server.ApiServer, platform: rendering.Platform) -> None:
    """KEDA's definitions, its namespace, and the model's Deployment, which says no number of pods."""
    assert server.apply(definitions.by_application()["keda-crds"]) == []
    server.established()
    spaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in ("keda", "serving")]
    assert server.apply(spaces) == []
    assert server.apply([platform.find("Deployment", "serving", MODEL).object]) == []


def replicas(server: api_server.ApiServer) -> int:
    done = server.kubectl("get", "deployment", MODEL, "--namespace", "serving", "--output", "jsonpath={.spec.replicas}")
    return int(done.stdout)


def keda(folder, server: api_server.ApiServer, ports: list[int]) -> list[str]:
    (folder / "kubeconfig").write_text(json.dumps(server.kubeconfig()))
    certificates = folder / "keda-certificates"
    certificates.mkdir()
    for name, text in Authority(folder, "keda-authority").secret("keda-operator", 1, "localhost").items():
        (certificates / name).write_text(text)
    metrics, probes, service = ports
    return [
        "env", f"KUBECONFIG={folder / 'kubeconfig'}", "POD_NAMESPACE=keda", "KEDA_CLUSTER_OBJECT_NAMESPACE=keda",
        # As the chart writes what our values say: it reads no Secret of the model's.
        "KEDA_RESTRICT_SECRET_ACCESS=true", "WATCH_NAMESPACE=",
        rendering.program("keda"), "--enable-cert-rotation=false",
        f"--cert-dir={certificates}", f"--metrics-bind-address=127.0.0.1:{metrics}",
        f"--health-probe-bind-address=127.0.0.1:{probes}", f"--metrics-service-bind-address=127.0.0.1:{service}",
    ]  # fmt: skip


def answer(prometheus: int, query: str) -> list:
    """What Prometheus finds; nothing while it does not run yet."""
    asked = urllib.parse.urlencode({"query": query})
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{prometheus}/api/v1/query?{asked}", timeout=5) as found:
            return json.load(found)["data"]["result"]
    except OSError:
        return []


def scaled_object(platform: rendering.Platform, prometheus: int) -> dict:
    """Ours, at this test's Prometheus and at its pace."""
    scaled = copy.deepcopy(platform.find("ScaledObject", "serving", MODEL).object)
    scaled["spec"] |= {"pollingInterval": 1, "cooldownPeriod": COOLDOWN_SECONDS}
    for trigger in scaled["spec"]["triggers"]:
        trigger["metadata"]["serverAddress"] = f"http://127.0.0.1:{prometheus}"
    return scaled


def test_the_first_pod_starts_and_a_slow_start_is_waited_for(model):
    assert model.pods() == 1
    assert model.stays_awake()


def test_a_model_that_nobody_asks_goes_to_sleep(model):
    model.measures.ready = 1
    eventually(model.asleep)
    model.measures.ready = 0


def test_a_picker_that_is_lost_neither_wakes_nor_breaks_anything(model):
    model.measures.lost = {"endpoint-picker"}
    eventually(lambda: not model.measured())
    eventually(lambda: not model.is_ready())
    assert model.asleep()
    model.measures.lost = set()
    eventually(lambda: model.measured() and model.is_ready())
    assert model.asleep()


def test_a_held_request_wakes_it_and_waking_goes_on_when_the_queue_empties(model):
    model.measures.queued = 1
    eventually(lambda: model.pods() == 1)
    model.measures.queued = 0
    assert model.stays_awake()


def test_a_busy_model_never_sleeps(model):
    model.measures.running = 1
    model.measures.ready = 1
    assert model.stays_awake()


@pytest.mark.parametrize("lost", ["vllm", "endpoint-picker", "kube-state-metrics"])
def test_a_lost_scrape_changes_nothing(model, lost):
    model.measures.lost = {lost}
    eventually(lambda: not model.measured())
    model.measures.running = 0
    assert model.stays_awake()
    model.measures.running = 1
    model.measures.lost = set()
    eventually(model.measured)
    model.is_seen_at_work()


def test_it_sleeps_when_its_last_request_is_answered(model):
    model.measures.running = 0
    eventually(model.asleep)
