"""Kueue's own manager and webhooks, with the configuration and the queues out of our manifests, against a
real API server: what it admits, what it holds, and whom it stops when it is not there.

No scheduler and no kubelet run: a pod that Kueue has let go is one without its gate. Of Kueue 0.18.1
no module can be had, so this is v0.17.0 on its own definitions."""

import json
import subprocess
from dataclasses import dataclass

import pytest
import yaml
from webhooks import called_at

from checks import charts
from checks.gpu_queues import QUEUE
from harness import api_server, rendering
from harness.authority import Authority
from harness.platforms import cluster
from harness.processes import eventually, free_ports, process

MODEL = "qwen2-5-coder-14b-instruct"   # 2 GPUs a pod; `serving` has 6
TENANT = "tenant-engineering"          # whose queue has 2
KINDS = ("ResourceFlavor", "ClusterQueue", "LocalQueue", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")


@dataclass(frozen=True)
class Kueue:
    server: api_server.ApiServer
    process: subprocess.Popen

    def get(self, kind: str, namespace: str, name: str) -> dict:
        done = self.server.kubectl("get", kind, name, "--namespace", namespace, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def end(self, kind: str, namespace: str, name: str, status: dict) -> None:
        """What a kubelet or the Job controller would say of what is over."""
        done = self.server.kubectl(
            "patch", kind, name, "--namespace", namespace, "--subresource", "status",
            "--type", "merge", "--patch", json.dumps({"status": status}),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def held(self, pod: str) -> bool:
        gates = self.get("pod", "serving", pod)["spec"].get("schedulingGates", [])
        return {"name": "kueue.x-k8s.io/admission"} in gates

    def suspended(self, job: str) -> bool:
        return self.get("job", TENANT, job)["spec"]["suspend"]

    def active(self, kind: str, namespace: str, name: str) -> bool:
        conditions = self.get(kind, namespace, name).get("status", {}).get("conditions", [])
        return any(one["type"] == "Active" and one["status"] == "True" for one in conditions)


@pytest.fixture(scope="module")
def kueue(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kueue")
    platform = cluster("production")
    with api_server.running(folder) as server:
        webhook, health, metrics = free_ports(3)
        prepare(server, platform)
        serving = Authority(folder, "webhooks").secret("kueue", 1, "localhost")
        # What the kubelet would mount. Kueue only waits until it is there.
        certificates = folder / "serving-certs"
        certificates.mkdir()
        for name, text in serving.items():
            (certificates / name).write_text(text)
        config = folder / "kueue.yaml"
        config.write_text(yaml.safe_dump(configuration(platform, str(certificates), webhook, health, metrics)))
        (folder / "kubeconfig").write_text(json.dumps(server.kubeconfig()))
        command = ["env", f"KUBECONFIG={folder / 'kubeconfig'}", rendering.program("kueue"), f"--config={config}"]
        # Its list of what waits wants to run inside a cluster.
        with process("kueue", [*command, "--feature-gates=VisibilityOnDemand=false"], folder) as started:
            kueue = Kueue(server, started)
            try:
                answers(server, platform, webhook, serving["ca.crt"])
            except AssertionError as error:
                raise AssertionError((folder / "kueue.log").read_text(errors="replace")[-4000:]) from error
            yield kueue


def prepare(server: api_server.ApiServer, platform: rendering.Platform) -> None:
    """Namespaces as ours are, and what the chart brings beside the manager and its webhooks."""
    ours = [space.object for space in platform.of("Namespace")]
    accounts = [account(space["metadata"]["name"]) for space in ours]
    theirs = [rendered for rendered in charts.rendered(platform).objects if rendered.application == "kueue"]
    brought = [rendered.object for rendered in theirs if rendered.kind in ("CustomResourceDefinition", "Secret")]
    assert server.apply([*ours, *accounts]) == []
    assert server.apply(brought) == []
    server.established()


def account(namespace: str) -> dict:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}}


def configuration(platform: rendering.Platform, certificates: str, webhook: int, health: int, metrics: int) -> dict:
    """Ours, with this test's ports and files."""
    source = platform.find("Application", "argocd", "kueue").object["spec"]["sources"][0]
    config = yaml.safe_load(source["helm"]["valuesObject"]["managerConfig"]["controllerManagerConfigYaml"])
    config["webhook"] = {"host": "127.0.0.1", "port": webhook, "certDir": certificates}
    config["health"]["healthProbeBindAddress"] = f"127.0.0.1:{health}"
    config["metrics"]["bindAddress"] = f"127.0.0.1:{metrics}"
    config["leaderElection"] = {"leaderElect": False}
    return config


def answers(server: api_server.ApiServer, platform: rendering.Platform, port: int, authority: str) -> None:
    """The chart's webhooks, called at this test's address; then our queues, which they look at."""
    configurations = []
    for rendered in charts.rendered(platform).of("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        if rendered.application == "kueue":
            configurations.append(called_at(rendered.object, port, authority))
    queues = [rendered.object for rendered in platform.of(*KINDS) if rendered.application == "queues"]
    eventually(lambda: server.apply([queues[0]]) == [])
    assert server.apply(configurations) == []
    eventually(lambda: server.apply(queues) == [])


def test_every_queue_is_active(kueue):
    for queue in cluster("production").of("ClusterQueue", "LocalQueue"):
        eventually(lambda queue=queue: kueue.active(f"{queue.kind.lower()}.kueue.x-k8s.io", queue.namespace or "default", queue.name))


def test_a_models_pods_are_admitted_as_far_as_its_queue_goes(kueue):
    deployment = cluster("production").find("Deployment", "serving", MODEL).object
    assert kueue.server.apply([deployment]) == []
    # As Kueue's webhook left it.
    template = kueue.get("deployment", "serving", MODEL)["spec"]["template"]
    for number in range(4):
        assert kueue.server.create(pod(template, f"model-{number}")) == ""
    eventually(lambda: [kueue.held(f"model-{number}") for number in range(4)].count(True) == 1)
    admitted = [f"model-{number}" for number in range(4) if not kueue.held(f"model-{number}")]
    waiting = next(f"model-{number}" for number in range(4) if kueue.held(f"model-{number}"))
    # Only nodes of the kind whose quota it has.
    selector = kueue.get("pod", "serving", admitted[0])["spec"]["nodeSelector"]
    assert selector == cluster("production").values["gpu"]["kinds"]["nvidia-l4"]["nodeLabels"]
    kueue.end("pod", "serving", admitted[0], {"phase": "Succeeded"})
    eventually(lambda: not kueue.held(waiting))


def pod(template: dict, name: str) -> dict:
    """What a ReplicaSet makes of the template."""
    metadata = template["metadata"] | {"name": name, "namespace": "serving"}
    metadata.pop("creationTimestamp", None)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def test_a_tenants_job_gets_no_more_than_the_tenants_share(kueue):
    for name in ("first", "second"):
        assert kueue.server.create(job(name)) == ""
    # The webhook found the namespace's queue: the job names none, and our admission policy asks for one.
    assert kueue.get("job", TENANT, "first")["metadata"]["labels"][QUEUE] == "default"
    eventually(lambda: sorted([kueue.suspended("first"), kueue.suspended("second")]) == [False, True])
    running, waiting = sorted(("first", "second"), key=kueue.suspended)
    tolerations = kueue.get("job", TENANT, running)["spec"]["template"]["spec"]["tolerations"]
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in tolerations
    conditions = [{"type": kind, "status": "True"} for kind in ("SuccessCriteriaMet", "Complete")]
    times = {"startTime": "2026-11-27T12:00:00Z", "completionTime": "2026-11-27T12:01:00Z"}
    kueue.end("job", TENANT, running, {"succeeded": 1, "conditions": conditions} | times)
    eventually(lambda: not kueue.suspended(waiting))


def job(name: str) -> dict:
    resources = {"limits": {"nvidia.com/gpu": 2}, "requests": {"cpu": "1", "memory": "1Gi"}}
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    spec = {
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "job", "image": "job", "resources": resources, "securityContext": security}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": TENANT},
        "spec": {"template": {"spec": spec}},
    }


def test_without_kueue_only_the_queues_namespaces_stand_still(kueue):
    kueue.process.terminate()
    kueue.process.wait(timeout=20)
    edge = cluster("production").find("Deployment", "edge", "tollgate-edge").object["spec"]["template"]
    elsewhere = {"metadata": {"labels": edge["metadata"]["labels"]}, "spec": edge["spec"]}
    made = pod(elsewhere, "edge")
    made["metadata"]["namespace"] = "edge"
    assert kueue.server.create(made) == ""
    assert "failed calling webhook" in kueue.server.create(job("third"))
