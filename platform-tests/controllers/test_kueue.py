"""Kueue's own manager and webhooks, with the configuration and the queues out of our manifests, against a
real API server and the real controller manager: what it admits, what it holds, whom it stops when it is
not there, and that nothing gets past it.

No scheduler and no kubelet run: a pod that Kueue has let go is one without its gate. Of Kueue 0.18.1
no module can be had, so this is v0.17.0 on its own definitions."""

import contextlib
import copy
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from webhooks import called_at

from checks import charts
from checks.gpu_queues import QUEUE
from harness import api_server, rendering
from harness.authority import Authority
from harness.platforms import cluster, everything
from harness.processes import eventually, free_ports, process

MODEL = "qwen2-5-coder-14b-instruct"   # 2 GPUs a pod; `serving` has 6
TENANT = "tenant-engineering"          # whose queue has 2
GATE = "kueue.x-k8s.io/admission"
CONTROLLERS = "deployment-controller,replicaset-controller,job-controller,resourcequota-controller,garbage-collector-controller"
# What the chart brings beside the manager and its webhooks.
BROUGHT = (
    "CustomResourceDefinition", "Secret", "ServiceAccount",
    "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
)  # fmt: skip
KINDS = ("ResourceFlavor", "ClusterQueue", "LocalQueue", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")


@dataclass(frozen=True)
class Kueue:
    server: api_server.ApiServer
    process: subprocess.Popen

    def get(self, kind: str, namespace: str, name: str) -> dict:
        done = self.server.kubectl("get", kind, name, "--namespace", namespace, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def pods(self, namespace: str, selector: str) -> list[dict]:
        done = self.server.kubectl("get", "pods", "--namespace", namespace, "--selector", selector, "--output", "json")
        return json.loads(done.stdout)["items"]

    def held(self, selector: str, namespace: str = "serving") -> list[bool]:
        """Of each pod that has not ended, whether Kueue holds it."""
        return sorted(self.holds(pod) for pod in self.pods(namespace, selector) if pod["status"].get("phase") != "Succeeded")

    @staticmethod
    def holds(pod: dict) -> bool:
        return {"name": GATE} in pod["spec"].get("schedulingGates", [])

    def end(self, pod: dict) -> None:
        """What a kubelet would say of one that is over."""
        self.patch("pod", pod["metadata"]["name"], {"status": {"phase": "Succeeded"}}, pod["metadata"]["namespace"], "status")

    def patch(self, kind: str, name: str, patch: dict | list, namespace: str = TENANT, subresource: str = "") -> None:
        assert self.refused(kind, name, patch, namespace, subresource) == ""

    def refused(self, kind: str, name: str, patch: dict | list, namespace: str = TENANT, subresource: str = "") -> str:
        """The refusal of a patch, by lists as JSON has it; '' when it is taken."""
        command = ["patch", kind, name, "--namespace", namespace, "--patch", json.dumps(patch)]
        command += ["--type", "json" if isinstance(patch, list) else "merge"]
        done = self.server.kubectl(*command, *(["--subresource", subresource] if subresource else []))
        return "" if done.returncode == 0 else done.stderr

    def suspended(self, job: str) -> bool:
        return self.get("job", TENANT, job)["spec"]["suspend"]

    def active(self, kind: str, namespace: str, name: str) -> bool:
        conditions = self.get(kind, namespace, name).get("status", {}).get("conditions", [])
        return any(one["type"] == "Active" and one["status"] == "True" for one in conditions)


@pytest.fixture(scope="module")
def kueue(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kueue")
    platform = cluster("production")
    with contextlib.ExitStack() as running:
        server = running.enter_context(api_server.running(folder))
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
        # By its own name, which admission asks for.
        itself = server.kubeconfig(token=server.token("kueue-system", "kueue-controller-manager"))
        (folder / "kubeconfig").write_text(json.dumps(itself))
        command = ["env", f"KUBECONFIG={folder / 'kubeconfig'}", rendering.program("kueue"), f"--config={config}"]
        # Its list of what waits wants to run inside a cluster.
        started = running.enter_context(process("kueue", [*command, "--feature-gates=VisibilityOnDemand=false"], folder))
        running.enter_context(controllers(server, folder))
        kueue = Kueue(server, started)
        try:
            answers(server, platform, webhook, serving["ca.crt"])
        except AssertionError as error:
            raise AssertionError((folder / "kueue.log").read_text(errors="replace")[-4000:]) from error
        yield kueue


def controllers(server: api_server.ApiServer, folder: Path):
    """Kubernetes' own, each with an identity of its own."""
    (folder / "admin").write_text(json.dumps(server.kubeconfig()))
    command = [rendering.program("kube-controller-manager"), "--kubeconfig", str(folder / "admin"), "--use-service-account-credentials"]
    return process("controllers", [*command, "--leader-elect=false", "--secure-port", "0", "--controllers", CONTROLLERS], folder)


def prepare(server: api_server.ApiServer, platform: rendering.Platform) -> None:
    """Namespaces as ours are, and what the chart brings beside the manager and its webhooks."""
    ours = [one.object for one in platform.of("Namespace", "PriorityClass", "ResourceQuota", "LimitRange")]
    accounts = [account(space.name) for space in platform.of("Namespace")]
    theirs = [rendered for rendered in charts.rendered(platform).objects if rendered.application == "kueue"]
    assert server.apply([*ours, *accounts]) == []
    assert server.apply([rendered.object for rendered in theirs if rendered.kind in BROUGHT]) == []
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


@pytest.mark.parametrize("made_by", ["a Deployment", "KServe"])
def test_a_models_pods_are_admitted_as_far_as_its_queue_goes(kueue, made_by):
    deployment = model(made_by)
    selector = ",".join(f"{key}={value}" for key, value in deployment["spec"]["selector"]["matchLabels"].items())
    assert kueue.server.apply([deployment]) == []
    scale(kueue, deployment, 4)
    eventually(lambda: kueue.held(selector) == [False, False, False, True])
    admitted = [pod for pod in kueue.pods("serving", selector) if not kueue.holds(pod)]
    # Only nodes of the kind whose quota it has.
    assert admitted[0]["spec"]["nodeSelector"] == cluster("production").values["gpu"]["kinds"]["nvidia-l4"]["nodeLabels"]
    # Its place is taken, by the one that waited or by what the ReplicaSet makes in its stead.
    kueue.end(admitted[0])
    eventually(lambda: kueue.held(selector) == [False, False, False, True])
    scale(kueue, deployment, 0)
    for pod in kueue.pods("serving", selector):
        kueue.end(pod)


def model(made_by: str) -> dict:
    """The Deployment of the same model, ours or what KServe makes of its InferenceService."""
    if made_by == "a Deployment":
        return cluster("production").find("Deployment", "serving", MODEL).object
    made = copy.deepcopy(next(one.object for one in everything().made if one.name.startswith(MODEL)))
    del made["metadata"]["ownerReferences"]
    return made


def scale(kueue: Kueue, deployment: dict, replicas: int) -> None:
    kueue.patch("deployment", deployment["metadata"]["name"], {"spec": {"replicas": replicas}}, "serving")


def test_a_tenants_job_gets_no_more_than_the_tenants_share(kueue):
    for name in ("first", "second"):
        assert kueue.server.create(job(name)) == ""
    # The webhook found the namespace's queue: the job names none, and our admission policy asks for one.
    assert kueue.get("job", TENANT, "first")["metadata"]["labels"][QUEUE] == "default"
    eventually(lambda: sorted([kueue.suspended("first"), kueue.suspended("second")]) == [False, True])
    running, waiting = sorted(("first", "second"), key=kueue.suspended)
    # Its own controller makes its pod, which nothing holds any more.
    eventually(lambda: kueue.held(f"job-name={running}", TENANT) == [False])
    (pod,) = kueue.pods(TENANT, f"job-name={running}")
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in pod["spec"]["tolerations"]
    kueue.end(pod)
    eventually(lambda: kueue.held(f"job-name={waiting}", TENANT) == [False])
    kueue.end(kueue.pods(TENANT, f"job-name={waiting}")[0])
    eventually(lambda: kueue.get("job", TENANT, waiting)["status"].get("succeeded") == 1)


def job(name: str, *owners: dict) -> dict:
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
        "metadata": metadata(name, *owners) | {"labels": {QUEUE: "default"} if owners else {}},
        "spec": {"template": {"spec": spec}},
    }


def test_what_says_that_it_belongs_to_a_job_gets_no_gpu_by_it(kueue):
    """Kueue holds nothing whose owner has a queue, and whoever makes a pod writes its owner."""
    assert kueue.server.create(without_gpus(job("parent"))) == ""
    parent = owner(kueue, "job", "parent")
    past = "Kueue does not hold this: it says that it belongs to a Job"
    assert past in kueue.server.create(pod("thief", parent))
    assert past in kueue.server.create(job("child", parent))
    # By a ReplicaSet in between, which Kueue looks past.
    template = {"metadata": {"labels": {"app": "between", QUEUE: "default"}}, "spec": job("x")["spec"]["template"]["spec"]}
    template["spec"]["restartPolicy"] = "Always"
    replicas = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata("between", parent)}
    replicas["spec"] = {"replicas": 1, "selector": {"matchLabels": {"app": "between"}}, "template": template}
    assert kueue.server.create(replicas) == ""
    eventually(lambda: past in json.dumps(kueue.get("replicaset", TENANT, "between").get("status", {})))
    assert kueue.pods(TENANT, "app=between") == []


def test_what_holds_itself_is_counted(kueue):
    """With a gate of its own, which Kueue takes off when there is a GPU, and so do others' jobs."""
    made = pod("own-gate", owner(kueue, "job", "parent"))
    made["metadata"]["labels"] |= {"kueue.x-k8s.io/managed": "true", "app": "own-gate"}
    made["spec"]["schedulingGates"] = [{"name": GATE}]
    made["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] = 8
    assert kueue.server.create(made) == ""
    assert kueue.server.create(job("honest")) == ""
    eventually(lambda: not kueue.suspended("honest"))
    assert kueue.held("app=own-gate", TENANT) == [True]


def test_only_kueue_lets_go(kueue):
    assert kueue.server.create(pod("waiting")) == ""
    only = "what asks for nvidia.com/gpu is let go by Kueue alone"
    assert only in kueue.refused("pod", "waiting", [{"op": "remove", "path": "/spec/schedulingGates"}])
    assert kueue.server.create(job("late")) == ""
    assert only in kueue.refused("job", "late", {"spec": {"suspend": False}})
    # Nor does it run when it says afterwards that it belongs to one that does.
    kueue.refused("job", "late", {"metadata": {"ownerReferences": [owner(kueue, "job", "parent")]}})
    assert only in kueue.refused("job", "late", {"spec": {"suspend": False}})
    assert kueue.held("job-name=late", TENANT) == []


def test_no_other_device_is_a_way_past_the_queues(kueue):
    for device in ("nvidia.com/gpu.shared", "nvidia.com/mig-1g.5gb"):
        made = pod("other-device")
        made["spec"]["containers"][0]["resources"]["limits"] = {device: 1}
        assert "waits in a queue, and edge has none" in kueue.server.create(made | {"metadata": metadata("x") | {"namespace": "edge"}})
    claiming = pod("claims")
    claiming["spec"]["resourceClaims"] = [{"name": "gpu", "resourceClaimTemplateName": "gpu"}]
    assert "no queue counts resourceClaims" in kueue.server.create(claiming)


def pod(name: str, *owners: dict) -> dict:
    spec = job(name)["spec"]["template"]["spec"]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata(name, *owners) | {"labels": {QUEUE: "default"}}, "spec": spec}


def metadata(name: str, *owners: dict) -> dict:
    return {"name": name, "namespace": TENANT, "ownerReferences": list(owners)}


def owner(kueue: Kueue, kind: str, name: str) -> dict:
    got = kueue.get(kind, TENANT, name)
    return {"apiVersion": got["apiVersion"], "kind": got["kind"], "name": name, "uid": got["metadata"]["uid"], "controller": True}


def without_gpus(body: dict) -> dict:
    del body["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    return body


def test_without_kueue_only_the_queues_namespaces_stand_still(kueue):
    kueue.process.terminate()
    kueue.process.wait(timeout=20)
    edge = cluster("production").find("Deployment", "edge", "tollgate-edge").object["spec"]["template"]
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "edge", "namespace": "edge"}, "spec": edge["spec"]}
    assert kueue.server.create(made) == ""
    assert "failed calling webhook" in kueue.server.create(job("third"))
