"""Nodes as substrate/ makes them, for kwok to play: OpenTofu says which labels and taints they have and how many
there are, their machine type how large they are. What a cloud or NVIDIA's operator adds by itself is added here."""

import json
import re
from pathlib import Path

import yaml

from harness import opentofu

GIB = 2**30
# GPUs of a g2 machine, by its vCPUs, where there are more than one.
GPUS = {24: 2, 48: 4, 96: 8}
EFFECTS = {"NO_SCHEDULE": "NoSchedule"}


def node(name: str, labels: dict, taints: list[dict], cpu: float, memory: float, gpus: int = 0) -> dict:
    """What a kubelet registers: `cpu` in cores and `memory` in GiB are what is left for pods."""
    size = {"cpu": f"{int(cpu * 1000)}m", "memory": str(int(memory * GIB)), "pods": "110"}
    size |= {"ephemeral-storage": "200Gi"} | ({"nvidia.com/gpu": str(gpus)} if gpus else {})
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"} | labels},
        "spec": {"taints": taints},
        "status": {"capacity": size, "allocatable": size},
    }


def on_gke(folder: Path, cluster: str, *variables: str) -> list[dict]:
    """All nodes that the pools of substrate/gke/clusters/CLUSTER.tfvars may have at once."""
    gke = opentofu.copy(folder) / "gke"
    file = f"-var-file=clusters/{cluster}.tfvars"
    made = opentofu.tofu(folder / "providers").made(gke, file, "-var=project=example-project", *variables)
    pools = [one["values"] for one in made if one["type"] == "google_container_node_pool"]
    (control_plane,) = [one["values"] for one in made if one["type"] == "google_container_cluster"]
    zones = control_plane["node_locations"] or [control_plane["location"]]
    return [machine for pool in pools for machine in machines(pool, pool["node_locations"] or zones)]


def machines(pool: dict, zones: list[str]) -> list[dict]:
    (config,), (scaling,) = pool["node_config"], pool["autoscaling"]
    cpus = int(config["machine_type"].rpartition("-standard-")[2])
    cpu, memory = left_by_gke(cpus, 4 * cpus)
    gpus = sum(one["count"] for one in config["guest_accelerator"])
    assert not gpus or gpus == GPUS.get(cpus, 1), f"{config['machine_type']} has not {gpus} GPUs"
    added = {"cloud.google.com/gke-nodepool": pool["name"]}
    added |= {"cloud.google.com/gke-accelerator": one["type"] for one in config["guest_accelerator"]}
    added |= {"cloud.google.com/gke-spot": "true"} if config["spot"] else {}
    taints = [{"key": one["key"], "value": one["value"], "effect": EFFECTS[one["effect"]]} for one in config["taint"]]
    made = []
    for number in range(scaling["total_max_node_count"]):
        labels = config["labels"] | added | {"topology.kubernetes.io/zone": zones[number % len(zones)]}
        made.append(node(f"{pool['name']}-{number}", labels, taints, cpu, memory, gpus))
    return made


def left_by_gke(cpus: int, memory: float) -> tuple[float, float]:
    """Cores and GiB that GKE leaves to pods, by its documented shares."""
    kept = 0.06 + 0.01 * (cpus > 1) + 0.005 * min(2, max(0, cpus - 2)) + 0.0025 * max(0, cpus - 4)
    held, rest = 100 / 1024, memory
    for part, share in ((4, 0.25), (4, 0.2), (8, 0.1), (112, 0.06), (memory, 0.02)):
        held += share * min(part, rest)
        rest -= min(part, rest)
    return cpus - kept, memory - held


def on_k3s(folder: Path, machines: list[dict], cpu: float, memory: float) -> tuple[list[dict], str]:
    """Machines of substrate/k3s, all of one size, those with `gpu` with one GPU that the operator has found;
    and the outputs, which `make config` reads."""
    k3s = opentofu.copy(folder) / "k3s"
    tofu = opentofu.tofu(folder / "providers")
    tofu.run(k3s, "init")
    code, text = tofu.run(k3s, "apply", "-auto-approve", "-var=name=single-gpu", f"-var=nodes={json.dumps(machines)}")
    assert code == 0, text
    outputs = tofu.run(k3s, "output", "-json")[1]
    files = json.loads(outputs)["files"]["value"]
    made = []
    for machine in machines:
        config = yaml.safe_load(files[f"{machine['name']}/config.yaml"])
        gpu = machine.get("gpu", False)
        labels = dict(label.split("=", 1) for label in config["node-label"])
        labels |= {"nvidia.com/gpu.present": "true"} if gpu else {}
        made.append(node(machine["name"], labels, [taint(text) for text in config["node-taint"]], cpu, memory, int(gpu)))
    return made, outputs


def taint(text: str) -> dict:
    key, value, effect = re.fullmatch(r"(.+)=(.*):(\w+)", text).groups()
    return {"key": key, "value": value, "effect": effect}
