"""A cluster's Deployments under a real control plane: applied, looked at, changed."""

import json
from dataclasses import dataclass

import control_plane

from harness.api_server import ApiServer
from harness.rendering import Platform

KINDS = ("Deployment", "StatefulSet", "PodDisruptionBudget", "PersistentVolumeClaim")


@dataclass(frozen=True)
class Workloads:
    server: ApiServer
    platform: Platform

    def apply(self) -> None:
        """All that our charts run, with what it wants of the cluster; volumes are there already."""
        accounts = {space.name for space in self.platform.of("Namespace")}
        assert self.server.apply([one.object for one in self.platform.of("Namespace", "PriorityClass")]) == []
        control_plane.eventually(lambda: accounts <= {one["metadata"]["namespace"] for one in self.of("serviceaccounts")})
        ours = [one.object for one in self.platform.of(*KINDS)]
        volumes = [volume(claim.object) for claim in self.platform.of("PersistentVolumeClaim")]
        assert self.server.apply([one.object for one in self.platform.of("ServiceAccount")] + volumes + ours) == []

    def of(self, kind: str) -> list[dict]:
        return control_plane.listed(self.server, kind)

    def deployment(self, namespace: str, name: str) -> dict:
        return self.server.read(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")

    def pods(self, namespace: str, name: str) -> list[dict]:
        """Those of a Deployment, the ones that end among them."""
        wanted = self.platform.find("Deployment", namespace, name).object["spec"]["selector"]["matchLabels"]
        selector = ",".join(f"{key}={value}" for key, value in wanted.items())
        return [one for one in control_plane.listed(self.server, "pods", selector) if one["metadata"]["namespace"] == namespace]

    def nodes(self, namespace: str, name: str) -> list[str]:
        """Where a Deployment's pods run, one for each."""
        return sorted(pod["spec"]["nodeName"] for pod in self.pods(namespace, name) if control_plane.is_ready(pod))

    def run(self, namespace: str, name: str, replicas: int) -> bool:
        """Whether so many run, and no other."""
        pods = self.pods(namespace, name)
        return len(pods) == replicas and all(control_plane.is_ready(pod) for pod in pods)

    def all_run(self) -> bool:
        return all(self.run(one.namespace, one.name, one.object["spec"].get("replicas", 1)) for one in self.platform.of("Deployment"))

    def waiting(self, namespace: str = "") -> dict[str, str]:
        """Pods without a node, in one namespace or all, and what the scheduler says why."""
        found = {}
        for pod in self.of("pods"):
            if namespace not in ("", pod["metadata"]["namespace"]):
                continue
            for one in pod["status"].get("conditions", []):
                if (one["type"], one["status"]) == ("PodScheduled", "False"):
                    found[pod["metadata"]["name"]] = one["message"]
        return found

    def patch(self, kind: str, namespace: str, name: str, change: dict) -> None:
        done = self.server.kubectl("patch", kind, name, "--namespace", namespace, "--type=merge", "--patch", json.dumps(change))
        assert done.returncode == 0, done.stderr

    def scale(self, namespace: str, name: str, replicas: int) -> None:
        self.patch("deployment", namespace, name, {"spec": {"replicas": replicas}})


def volume(claim: dict) -> dict:
    """What a storage class would make of a claim."""
    metadata, spec = claim["metadata"], claim["spec"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{metadata['namespace']}-{metadata['name']}"},
        "spec": {
            "accessModes": spec["accessModes"],
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "claimRef": {"namespace": metadata["namespace"], "name": metadata["name"]},
            "hostPath": {"path": "/none"},
        },
    }
