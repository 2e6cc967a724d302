"""A model from none to many pods and back, by our ScaledObject: KEDA's operator and adapter, the HPA of the
real controller manager, and the scheduler, on a real Prometheus; kwok in the place of the kubelets. What is
measured is a script, but for the pods, which are counted."""

import time
from dataclasses import dataclass

import control_plane
import keda
import node_pools
import pytest
from workloads import Workloads

from harness import stand_in_measures
from harness.platforms import cluster
from harness.processes import eventually, free_ports, stays
from harness.rendering import Platform
from harness.stand_in_measures import Measures

MODEL = "qwen2-5-coder-1-5b"
NAME = ("serving", MODEL)
# Ours are minutes: the proportions are kept, the HPA's own pace is a second.
COOLDOWN_SECONDS = 6
SETTLED_SECONDS = 8
# Longer than anything takes that adds a pod, and than what takes one away.
SOON_SECONDS = 5
PATIENCE_SECONDS = SETTLED_SECONDS + 4


@dataclass(frozen=True)
class Model:
    workloads: Workloads
    measures: Measures
    scaled: dict
    prometheus: int

    @property
    def most(self) -> int:
        return scaling(self.workloads.platform)["max"]

    @property
    def share(self) -> int:
        """How many requests are one pod's."""
        return scaling(self.workloads.platform)["requestsPerReplica"]

    def has(self, pods: int) -> bool:
        return self.workloads.run(*NAME, pods)

    def keeps(self, pods: int, seconds: float = PATIENCE_SECONDS) -> bool:
        return stays(lambda: replicas(self.workloads) == pods, seconds)

    def measured(self) -> bool:
        return keda.measured(self.scaled, self.prometheus)

    def asked(self, requests: int) -> None:
        self.measures.running = requests


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scaling")
    platform = cluster("production")
    with control_plane.running(folder, node_pools.on_gke(folder, "production")) as server:
        exported, prometheus, metrics, probes, service = free_ports(5)
        workloads = Workloads(server, platform)
        keda.prepare(server)
        workloads.apply()
        measures = Measures(MODEL, lambda: replicas(workloads), pods=scaling(platform)["max"], counted=lambda: ready(workloads))
        exporter = stand_in_measures.serve(measures, exported)
        with (
            keda.prometheus(folder, measures, exported, prometheus),
            keda.operator(folder, server, metrics, probes, service),
            keda.adapter(folder, server, service),
        ):
            scaled = keda.scaled_object(platform, MODEL, prometheus, pace(platform))
            eventually(lambda: keda.measured(scaled, prometheus), 60)
            assert server.apply([scaled]) == []
            yield Model(workloads, measures, scaled, prometheus)
        exporter.shutdown()


def scaling(platform: Platform) -> dict:
    """As config.yaml has it."""
    return platform.values["models"]["qwen2.5-coder-1.5b"]["scaling"]


def pace(platform: Platform) -> dict:
    spec = platform.find("ScaledObject", *NAME).object["spec"]
    (settled,) = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"].values()
    assert settled == spec["cooldownPeriod"]
    behavior = {"scaleDown": {"stabilizationWindowSeconds": SETTLED_SECONDS}}
    advanced = {"horizontalPodAutoscalerConfig": {"behavior": behavior}}
    return {"pollingInterval": 1, "cooldownPeriod": COOLDOWN_SECONDS, "advanced": advanced}


def replicas(workloads: Workloads) -> int:
    return workloads.deployment(*NAME)["spec"]["replicas"]


def ready(workloads: Workloads) -> int:
    return workloads.deployment(*NAME)["status"].get("readyReplicas", 0)


def test_a_model_that_nobody_asks_sleeps(model):
    eventually(lambda: model.has(0), 60)


def test_a_held_request_wakes_it(model):
    model.measures.queued = 1
    eventually(lambda: model.has(1), 40)
    model.asked(1)
    model.measures.queued = 0


def test_a_pod_takes_as_many_requests_as_we_say(model):
    model.asked(model.share)
    assert model.keeps(1, SOON_SECONDS)
    model.asked(model.share + model.share // 4)
    eventually(lambda: model.has(2), 40)


def test_there_are_never_more_pods_than_the_most(model):
    model.asked(10 * model.most * model.share)
    assert model.keeps(model.most, SOON_SECONDS)
    assert model.has(model.most)


def test_a_lost_scrape_takes_no_pod(model):
    model.measures.lost = {"vllm"}
    eventually(lambda: not model.measured())
    assert model.keeps(model.most)
    model.measures.lost = set()
    eventually(model.measured)
    assert model.keeps(model.most, SOON_SECONDS)


def test_pods_go_when_it_has_been_quiet_for_as_long_as_we_say(model):
    quiet = time.monotonic()
    model.asked(1)
    eventually(lambda: replicas(model.workloads) < model.most, 60)
    # Less what the HPA and Prometheus may be late by.
    assert time.monotonic() - quiet >= SETTLED_SECONDS - 2
    eventually(lambda: model.has(1))


def test_a_busy_model_never_sleeps(model):
    assert model.keeps(1)


def test_it_sleeps_when_its_last_request_is_answered(model):
    model.asked(0)
    eventually(lambda: model.has(0), 60)
