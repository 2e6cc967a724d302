"""The real kube-controller-manager and kube-scheduler, and kwok in the place of every kubelet: it says of a
node that it is ready, of a pod that it runs, and lets go what is deleted. Nothing is started anywhere."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from harness import api_server
from harness.platforms import ROOT
from harness.processes import eventually, free_ports, process
from harness.rendering import program

# Of the scheduler's own, none: how pods are spread is what their manifests say.
SCHEDULER = {
    "apiVersion": "kubescheduler.config.k8s.io/v1",
    "kind": "KubeSchedulerConfiguration",
    "leaderElection": {"leaderElect": False},
    "profiles": [
        {
            "schedulerName": "default-scheduler",
            "pluginConfig": [
                {"name": "PodTopologySpread", "args": {"defaultConstraints": [], "defaultingType": "List"}}
            ],
        }
    ],
}
# Of the resources that are not of the core group.
GROUPS = {
    "deployments": "/apis/apps/v1",
    "apiservices": "/apis/apiregistration.k8s.io/v1",
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
}
# Of kwok's own.
STAGES = ("node/fast", "node/heartbeat-with-lease", "pod/fast")
# What an autoscaler would wait for in minutes.
PACE = ("--horizontal-pod-autoscaler-sync-period=1s", "--horizontal-pod-autoscaler-cpu-initialization-period=1s")


@contextlib.contextmanager
def running(folder: Path, nodes: list[dict], *more: dict) -> Iterator[api_server.ApiServer]:
    """An API server, all that a control plane has besides, and these nodes, ready. kwok gets `more`
    of its configuration."""
    with api_server.running(folder) as server, contextlib.ExitStack() as stack:
        (folder / "kubeconfig").write_text(json.dumps(server.kubeconfig()))
        for name, command in commands(folder, [*stages(), *more]).items():
            stack.enter_context(process(name, command, folder))
        for node in nodes:
            assert server.create(node) == ""
        eventually(lambda: all(is_ready(node) for node in listed(server, "nodes")), 60)
        yield server


def commands(folder: Path, kwok: list[dict]) -> dict[str, list[str]]:
    (folder / "scheduler.yaml").write_text(yaml.safe_dump(SCHEDULER | {"clientConnection": {"kubeconfig": str(folder / "kubeconfig")}}))
    (folder / "kwok.yaml").write_text(yaml.safe_dump_all(kwok))
    (port,) = free_ports(1)
    kubeconfig = ["--kubeconfig", str(folder / "kubeconfig")]
    return {
        "controller-manager": [
            program("kube-controller-manager"), *kubeconfig, "--leader-elect=false", "--secure-port=0", *PACE,
        ],
        "scheduler": [program("kube-scheduler"), "--config", str(folder / "scheduler.yaml"), "--secure-port=0"],
        "kwok": [
            "env", f"HOME={folder}",
            program("kwok"), *kubeconfig, "--config", str(folder / "kwok.yaml"), "--manage-all-nodes=true",
            # Without leases, the nodes are given up after some 40 s.
            "--node-lease-duration-seconds=40",
            "--node-ip=127.0.0.1", f"--node-port={port}", f"--server-address=127.0.0.1:{port}",
        ],
    }  # fmt: skip


def stages() -> list[dict]:
    """kwok's own: what it says of nodes and pods. A pod with a finalizer ends when that is taken away."""
    folder = module("kwok", "sigs.k8s.io/kwok") / "kustomize/stage"
    read = [yaml.safe_load(path.read_text()) for name in STAGES for path in sorted((folder / name).glob("*-*.yaml"))]
    for stage in read:
        if stage["metadata"]["name"] == "pod-delete":
            stage["spec"]["selector"]["matchExpressions"].append({"key": ".metadata.finalizers", "operator": "DoesNotExist"})
            stage["spec"]["next"] = {"delete": True}
    return read


def module(tool: str, path: str) -> Path:
    """The folder of a Go module that one of the tools is built of."""
    pinned = str(ROOT / "scripts/platform-tools" / tool)
    subprocess.run(["go", "-C", pinned, "mod", "download", path], check=True)
    command = ["go", "-C", pinned, "list", "-m", "-f", "{{.Dir}}", path]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


def listed(server: api_server.ApiServer, resource: str, selector: str = "") -> list[dict]:
    """In all namespaces."""
    return server.read(f"{GROUPS.get(resource, '/api/v1')}/{resource}", labelSelector=selector)["items"]


def is_ready(body: dict) -> bool:
    """Of a node or a pod."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in body.get("status", {}).get("conditions", []))
