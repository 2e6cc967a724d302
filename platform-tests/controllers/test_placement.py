"""Where the pods of our Deployments go and how they leave, on nodes as substrate/ makes them: the real
scheduler and controller manager, with kwok in the place of the kubelets."""

import subprocess
from pathlib import Path

import control_plane
import node_pools
import pytest
from workloads import Workloads

from harness import forks, rendering
from harness.platforms import ROOT, cluster, with_features
from harness.processes import eventually, stays

EDGE = ("edge", "tollgate-edge")
LARGE = ("serving", "qwen2-5-coder-14b-instruct")   # 2 GPUs a pod, of one node
SMALL = ("serving", "qwen2-5-coder-1-5b")           # 1
REPLICAS = 4                                        # of the edge, at most
HELD = "tollgate.dev/held-by-a-test"
# What a laptop has for all of it; test_requests.py counts.
LAPTOP = {"cpu": 6, "memory": 12}


def one_gpu(folder: Path):
    return cluster("single-gpu"), node_pools.on_gke(folder, "single-gpu")


def one_machine(folder: Path):
    """With a GPU and everything else; `make config` says to the cluster what substrate/k3s made."""
    machine = {"name": "machine", "address": "192.168.1.11", "role": "server", "gpu": True}
    nodes, outputs = node_pools.on_k3s(folder, [machine], cpu=16, memory=64)
    file = forks.manifests(folder) / "manifests/clusters/single-gpu/config.yaml"
    subprocess.run([ROOT / "scripts/config-from-outputs", file, "--write"], check=True, input=outputs, text=True)
    return rendering.render(folder, "single-gpu"), nodes


@pytest.mark.parametrize("machines", [one_gpu, one_machine])
def test_every_pod_has_a_node_where_there_is_one_gpu(machines, tmp_path):
    platform, nodes = machines(tmp_path)
    with control_plane.running(tmp_path, nodes) as server:
        workloads = Workloads(server, platform)
        workloads.apply()
        all_run(workloads)


def test_every_pod_has_a_node_on_a_laptop_and_its_model_ends_before_the_next_one_starts(tmp_path):
    with control_plane.running(tmp_path, [node_pools.node("laptop", {}, [], **LAPTOP)]) as server:
        workloads = Workloads(server, cluster("laptop"))
        workloads.apply()
        all_run(workloads)
        ends_before_the_next_starts(workloads, "serving", "qwen2-5-0-5b-instruct")


def all_run(workloads: Workloads) -> None:
    try:
        eventually(workloads.all_run, 60)
    except AssertionError as error:
        raise AssertionError(workloads.waiting()) from error


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    """Its nodes, and three more that are idle: a scheduler with nothing else to go by prefers them."""
    folder = tmp_path_factory.mktemp("production")
    zone = {"topology.kubernetes.io/zone": "europe-west4-a"}
    idle = [
        node_pools.node("idle-spot", zone | {"cloud.google.com/gke-spot": "true"}, [], 64, 256),
        node_pools.node("idle-gpu", zone | {"nvidia.com/gpu.present": "true"}, [], 64, 256, 8),
        node_pools.node("idle-gke-gpu", zone | {"cloud.google.com/gke-accelerator": "nvidia-t4"}, [], 64, 256, 8),
    ]
    with control_plane.running(folder, [*node_pools.on_gke(folder, "production"), *idle]) as server:
        workloads = Workloads(server, cluster("production"))
        workloads.apply()
        yield workloads


@pytest.fixture(scope="module")
def several_edges(production, tmp_path_factory):
    """The edge as it is where each replica may grant the whole of every limit."""
    values = production.platform.values
    features = {name for name, on in values["features"].items() if on}
    config = {"edge": values["edge"] | {"acceptPerReplicaLimits": True}}
    platform = with_features(tmp_path_factory.mktemp("fork"), features, **config)
    assert production.server.apply([platform.find("Deployment", *EDGE).object]) == []
    # All nodes but one are half used: without a rule, the free one would get the most.
    used = {one["metadata"]["name"] for one in production.of("nodes") if one["metadata"]["name"].startswith("cpu-")} - {"cpu-0"}
    assert production.server.apply([filler(name) for name in used]) == []
    production.scale(*EDGE, REPLICAS)
    eventually(lambda: production.run(*EDGE, REPLICAS))
    return production


def filler(node: str) -> dict:
    resources = {"requests": {"cpu": "4", "memory": "16Gi"}}
    container = {"name": "filler", "image": "filler", "resources": resources}
    metadata = {"name": f"filler-{node}", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"nodeName": node, "containers": [container]}}


def label(workloads: Workloads, name: str) -> dict[str, str]:
    """A node's label, by node."""
    return {one["metadata"]["name"]: one["metadata"]["labels"].get(name) for one in workloads.of("nodes")}


def test_the_pool_may_have_as_many_gpus_as_the_queues_give(production):
    kinds = label(production, "cloud.google.com/gke-accelerator")
    gpus = {one["metadata"]["name"]: int(one["status"]["allocatable"].get("nvidia.com/gpu", 0)) for one in production.of("nodes")}
    for kind in production.platform.values["gpu"]["kinds"].values():
        name = kind["nodeLabels"]["cloud.google.com/gke-accelerator"]
        assert sum(gpus[node] for node in kinds if kinds[node] == name) == kind["max"]


def test_every_pod_has_a_node(production):
    all_run(production)


def test_model_servers_are_on_gpus_of_their_kind_and_nothing_else_is(production):
    models = {pod["metadata"]["name"] for name in (LARGE, SMALL) for pod in production.pods(*name)}
    pool = label(production, "tollgate.dev/pool")
    there = {pod["metadata"]["name"] for pod in production.of("pods") if pool[pod["spec"]["nodeName"]] == "gpu"}
    assert there == models


def test_a_model_server_more_than_there_are_gpus_for_waits(production):
    """One node's GPUs are the small model's, who takes one of them."""
    production.scale(*LARGE, 4)
    eventually(lambda: len(production.nodes(*LARGE)) == 3 and len(production.waiting("serving")) == 1)
    assert len(set(production.nodes(*LARGE)) | set(production.nodes(*SMALL))) == 4
    (why,) = production.waiting("serving").values()
    assert "4 Insufficient nvidia.com/gpu" in why
    production.scale(*LARGE, 3)
    eventually(lambda: production.run(*LARGE, 3))


def test_where_one_replica_counts_the_old_edge_ends_before_the_new_one_starts(production):
    ends_before_the_next_starts(production, *EDGE)


def ends_before_the_next_starts(workloads: Workloads, namespace: str, name: str) -> None:
    def names() -> list[str]:
        return [pod["metadata"]["name"] for pod in workloads.pods(namespace, name)]

    (old,) = names()
    workloads.patch("pod", namespace, old, {"metadata": {"finalizers": [HELD]}})
    change = {"spec": {"template": {"metadata": {"annotations": {"tollgate.dev/bootstrap": "another"}}}}}
    workloads.patch("deployment", namespace, name, change)
    eventually(lambda: any("deletionTimestamp" in pod["metadata"] for pod in workloads.pods(namespace, name)))
    assert stays(lambda: names() == [old], 3)
    workloads.patch("pod", namespace, old, {"metadata": {"finalizers": None}})
    # Between the two there is none.
    eventually(lambda: names() not in ([], [old]) and workloads.run(namespace, name, 1))


def test_edges_are_on_no_gpu_and_no_spot_node(several_edges):
    """Nor when there is nothing else; the scheduler then says so."""
    pool = label(several_edges, "tollgate.dev/pool")
    assert [pool[node] for node in several_edges.nodes(*EDGE)] == ["cpu"] * REPLICAS
    cordon(several_edges, "cpu")
    several_edges.scale(*EDGE, REPLICAS + 1)
    eventually(lambda: len(several_edges.waiting("edge")) == 1)
    (why,) = several_edges.waiting("edge").values()
    assert "3 node(s) didn't match Pod's node affinity/selector" in why
    several_edges.scale(*EDGE, REPLICAS)
    eventually(lambda: several_edges.run(*EDGE, REPLICAS))
    cordon(several_edges, "cpu", False)


def cordon(workloads: Workloads, pool: str, on: bool = True) -> None:
    """No pod comes to the nodes of a pool any more, or pods come again."""
    done = workloads.server.kubectl("cordon" if on else "uncordon", "--selector", f"tollgate.dev/pool={pool}")
    assert done.returncode == 0, done.stderr


def test_edges_are_spread_over_zones_and_nodes(several_edges):
    nodes = several_edges.nodes(*EDGE)
    zone = label(several_edges, "topology.kubernetes.io/zone")
    zones = [zone[node] for node in nodes]
    assert len(set(nodes)) == REPLICAS
    assert sorted(zones.count(one) for one in set(zones)) == [1, 1, 2]


def test_a_drain_takes_one_edge_after_the_other(several_edges):
    """While the first one's successor has no place, the second stays where it is."""
    first, second, *_ = several_edges.nodes(*EDGE)
    cordon(several_edges, "cpu")
    assert drain(several_edges, first) == ""
    eventually(lambda: len(several_edges.waiting("edge")) == 1)
    assert "Cannot evict pod as it would violate the pod's disruption budget" in drain(several_edges, second)
    assert second in several_edges.nodes(*EDGE)
    cordon(several_edges, "cpu", False)
    eventually(lambda: several_edges.run(*EDGE, REPLICAS))
    assert drain(several_edges, second) == ""
    eventually(lambda: several_edges.run(*EDGE, REPLICAS))


def drain(workloads: Workloads, node: str) -> str:
    """kubectl's own, of our edges; what it complains of."""
    options = ("--pod-selector=app.kubernetes.io/name=tollgate-edge", "--delete-emptydir-data", "--timeout=3s")
    done = workloads.server.kubectl("drain", node, *options)
    return "" if done.returncode == 0 else done.stderr


def test_a_model_servers_node_can_be_drained(several_edges):
    """A budget that never lets the only pod go would stop every upgrade of the nodes."""
    several_edges.scale(*LARGE, 1)
    eventually(lambda: several_edges.run(*LARGE, 1))
    (node,) = several_edges.nodes(*LARGE)
    done = several_edges.server.kubectl("drain", node, "--delete-emptydir-data", "--timeout=10s")
    assert done.returncode == 0, done.stderr
    eventually(lambda: several_edges.run(*LARGE, 1))
    assert several_edges.nodes(*LARGE) != [node]
