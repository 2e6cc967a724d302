"""The edge's HPA, where each replica may grant the whole of every limit: the real controller manager asks the real
metrics-server, which reads what kwok says that pods use."""

import time

import aggregation
import control_plane
import node_pools
import pytest
import yaml
from workloads import Workloads

from harness.platforms import with_features
from harness.processes import eventually, free_ports, process, stays
from harness.rendering import program

EDGE = ("edge", "tollgate-edge")
USED = "kwok.x-k8s.io/usage-cpu"
# Ours is ten minutes. metrics-server looks every ten seconds, no faster.
SETTLED_SECONDS = 12
LOOKS_SECONDS = 10


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edge-scaling")
    platform = with_features(folder, set(), edge={"acceptPerReplicaLimits": True, "resources": {"requests": {"cpu": "2"}}})
    scaler = platform.find("HorizontalPodAutoscaler", *EDGE).object
    assert scaler["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 600
    scaler["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] = SETTLED_SECONDS
    kwok = control_plane.module("kwok", "sigs.k8s.io/kwok") / "kustomize/metrics"
    usage = [yaml.safe_load((kwok / file).read_text()) for file in ("resource/metrics-resource.yaml", "usage/usage-from-annotation.yaml")]
    nodes = [node for node in node_pools.on_gke(folder, "production") if node["metadata"]["name"].startswith("cpu-")]
    for node in nodes:
        path = f"/metrics/nodes/{node['metadata']['name']}/metrics/resource"
        node["metadata"]["annotations"] = {"metrics.k8s.io/resource-metrics-path": path}
    with control_plane.running(folder, nodes, *usage) as server:
        workloads = Workloads(server, platform)
        workloads.apply()
        (port,) = free_ports(1)
        with process("metrics-server", metrics_server(folder, port), folder):
            served(folder, server, port)
            assert server.apply([scaler]) == []
            yield workloads


def metrics_server(folder, port: int) -> list[str]:
    kubeconfig = folder / "kubeconfig"
    aggregation.certificate(folder / "metrics-server", "metrics-server", "kube-system")
    return [
        program("metrics-server"), f"--kubeconfig={kubeconfig}", "--bind-address=127.0.0.1", f"--secure-port={port}",
        f"--authentication-kubeconfig={kubeconfig}", f"--authorization-kubeconfig={kubeconfig}",
        f"--tls-cert-file={folder / 'metrics-server/tls.crt'}", f"--tls-private-key-file={folder / 'metrics-server/tls.key'}",
        "--kubelet-preferred-address-types=InternalIP", "--kubelet-use-node-status-port",
        # kwok has no certificate.
        "--deprecated-kubelet-completely-insecure", f"--metric-resolution={LOOKS_SECONDS}s", "--kubelet-request-timeout=5s",
    ]  # fmt: skip


def served(folder, server, port: int) -> None:
    description = control_plane.module("metrics-server", "sigs.k8s.io/metrics-server") / "manifests/base/apiservice.yaml"
    authority = (folder / "metrics-server/ca.crt").read_text()
    aggregation.registered(server, aggregation.api_service(description), port, authority)


def use(edge: Workloads, cpu: str) -> None:
    """Each pod of the edge that there is uses so much from now on; one that comes later uses next to nothing."""
    for pod in edge.pods(*EDGE):
        edge.patch("pod", "edge", pod["metadata"]["name"], {"metadata": {"annotations": {USED: cpu}}})


def replicas(edge: Workloads) -> int:
    return edge.deployment(*EDGE)["spec"]["replicas"]


def utilization(edge: Workloads) -> int | None:
    """In percent of what the pods request, as the HPA has it."""
    (scaler,) = control_plane.listed(edge.server, "horizontalpodautoscalers")
    for metric in scaler.get("status", {}).get("currentMetrics") or []:
        return metric["resource"]["current"].get("averageUtilization")
    return None


def test_there_are_as_many_as_have_room_for_what_they_use(edge):
    """At 200 % of its request it is three, who then have 67 % each, where 70 are wanted."""
    eventually(lambda: edge.run(*EDGE, 1))
    use(edge, "4")
    eventually(lambda: edge.run(*EDGE, 3), 120)
    eventually(lambda: utilization(edge) in (66, 67), 60)
    assert replicas(edge) == 3


def test_there_are_never_more_than_the_most(edge):
    use(edge, "20")
    eventually(lambda: edge.run(*EDGE, 4), 90)
    eventually(lambda: utilization(edge) > 700, 60)
    assert stays(lambda: replicas(edge) == 4, 3)


def test_one_goes_when_it_has_been_quiet_for_as_long_as_we_say(edge):
    use(edge, "100m")
    eventually(lambda: utilization(edge) < 70, 60)
    quiet = time.monotonic()
    eventually(lambda: edge.run(*EDGE, 1), 90)
    assert time.monotonic() - quiet >= SETTLED_SECONDS - 2
