"""KServe's own manager and webhooks, with the chart's configuration and our InferenceServices, against a
real API server and the real controller manager: what it makes is what the other checks take it for,
Argo CD finds nothing to change afterwards, and what is deleted leaves nothing behind.

No scheduler and no kubelet run: pods are made, and never become ready."""

import copy
import functools
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from webhooks import called_at

from checks import charts
from harness import api_server, rendering
from harness.authority import Authority
from harness.kserve import SCALED_BY
from harness.platforms import FEATURES, cluster, with_features
from harness.processes import eventually, free_ports, process
from upstream import definitions

MODEL = "qwen2-5-coder-1-5b"   # scaled by KEDA, down to none
CONTROLLERS = "deployment-controller,replicaset-controller,garbage-collector-controller"
# Of an object, what the API server counts and not what anyone asked for.
COUNTED = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")


@functools.cache
def everything() -> rendering.Platform:
    """`production` with every feature; weights without a digest are let through, as nobody has asked for one."""
    taking = cluster("production").values["cluster"] | {"requireDigests": False}
    with tempfile.TemporaryDirectory() as folder:
        return with_features(Path(folder), set(FEATURES), cluster=taking)


@dataclass(frozen=True)
class KServe:
    server: api_server.ApiServer

    def get(self, kind: str, name: str) -> dict | None:
        done = self.server.kubectl("get", kind, name, "--namespace", "serving", "--output", "json", "--ignore-not-found")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def pods(self, name: str = MODEL) -> list[dict]:
        selector = f"serving.kserve.io/inferenceservice={name}"
        done = self.server.kubectl("get", "pods", "--namespace", "serving", "--selector", selector, "--output", "json")
        return json.loads(done.stdout)["items"]

    def scale(self, deployment: str, replicas: int) -> None:
        patch = json.dumps({"spec": {"replicas": replicas}})
        done = self.server.kubectl("patch", "deployment", deployment, "--namespace", "serving", "--patch", patch)
        assert done.returncode == 0, done.stderr

    def dry_run(self, verb: str, body: dict) -> dict:
        """The object as it would be; `apply` is what Argo CD asks before it says that something differs."""
        options = ["--server-side"] if verb == "apply" else []
        done = self.server.kubectl(verb, *options, "--dry-run=server", "--output", "json", "-f", "-", objects=[body])
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def kserve(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kserve")
    platform = everything()
    with api_server.running(folder) as server:
        prepare(server, platform)
        (folder / "kubeconfig").write_text(json.dumps(server.kubeconfig()))
        webhook, health, metrics = free_ports(3)
        authority = certificates(folder)
        addresses = [f"--health-probe-addr=127.0.0.1:{health}", f"--metrics-addr=127.0.0.1:{metrics}"]
        environment = ["env", f"KUBECONFIG={folder / 'kubeconfig'}", f"TMPDIR={folder}"]
        manager = [*environment, rendering.program("kserve"), f"--webhook-port={webhook}", *addresses]
        controllers = [
            rendering.program("kube-controller-manager"), "--kubeconfig", str(folder / "kubeconfig"),
            "--leader-elect=false", "--secure-port", "0", "--controllers", CONTROLLERS,
        ]  # fmt: skip
        with process("kserve", manager, folder), process("controllers", controllers, folder):
            try:
                serve(server, platform, webhook, authority)
            except AssertionError as error:
                raise AssertionError((folder / "kserve.log").read_text(errors="replace")[-4000:]) from error
            yield KServe(server)


def prepare(server: api_server.ApiServer, platform: rendering.Platform) -> None:
    """Namespaces and admission policies as ours are, and what the charts bring beside the manager."""
    kinds = ("Namespace", "PriorityClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    # The queues' policy asks for Kueue, which has these same pods in test_kueue.py.
    ours = [one.object for one in platform.of(*kinds) if one.application != "queues"]
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "serving"}}
    assert server.apply(definitions.by_application()["kserve-crds"]) == []
    server.established()
    assert server.apply([*ours, account, *theirs(platform, "ConfigMap", "ClusterStorageContainer")]) == []


def theirs(platform: rendering.Platform, *kinds: str) -> list[dict]:
    return [one.object for one in charts.rendered(platform).of(*kinds) if one.application == "kserve"]


def certificates(folder: Path) -> str:
    """Where the manager looks for what the kubelet would mount. Returns the authority."""
    secret = Authority(folder, "webhooks").secret("kserve", 1, "localhost")
    mounted = folder / "k8s-webhook-server/serving-certs"
    mounted.mkdir(parents=True)
    for name, text in secret.items():
        (mounted / name).write_text(text)
    return secret["ca.crt"]


def serve(server: api_server.ApiServer, platform: rendering.Platform, port: int, authority: str) -> None:
    hooks = theirs(platform, "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
    assert server.apply([called_at(hook, port, authority) for hook in hooks]) == []
    models = [one.object for one in platform.of("InferenceService")]
    eventually(lambda: server.apply(models) == [])
    selected = ["get", "pods", "--namespace", "serving", "--output", "name"]
    eventually(lambda: len(server.kubectl(*selected).stdout.split()) == len(models))


def plain(body: dict) -> dict:
    """An object without its status and what the API server counts."""
    metadata = {key: value for key, value in body["metadata"].items() if key not in COUNTED}
    return {key: value for key, value in body.items() if key != "status"} | {"metadata": metadata}


def test_its_deployments_are_those_that_the_checks_see(kserve):
    for made in everything().made:
        real = kserve.get("deployment", made.name)
        derived = copy.deepcopy(made.object)
        derived["metadata"] = {"name": "derived", "namespace": "serving", "labels": made.object["metadata"]["labels"]}
        assert real["spec"] == kserve.dry_run("create", derived)["spec"]
        assert made.object["metadata"]["labels"].items() <= real["metadata"]["labels"].items()


def test_its_pods_are_taken_with_nothing_added(kserve):
    """Past its webhook, Pod Security and our admission policies, which would refuse them."""
    for made in everything().made:
        owner = made.object["metadata"]["ownerReferences"][0]["name"]
        (pod,) = kserve.pods(owner)
        template = kserve.get("deployment", made.name)["spec"]["template"]
        assert pod["spec"]["containers"] == template["spec"]["containers"]
        assert "initContainers" not in pod["spec"]
        assert pod["spec"]["volumes"] == template["spec"]["volumes"]
        pool = everything().find("InferencePool", "serving", owner).object["spec"]
        assert pool["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def test_argo_cd_finds_nothing_to_change(kserve):
    for service in everything().of("InferenceService"):
        live = kserve.get("inferenceservice", service.name)
        assert plain(kserve.dry_run("apply", service.object)) == plain(live)


def test_a_model_that_starts_is_not_ready_and_no_failure(kserve):
    for service in everything().of("InferenceService"):
        eventually(lambda name=service.name: "Ready" in conditions(kserve, name))
        assert conditions(kserve, service.name)["Ready"] != "True"
        transition = kserve.get("inferenceservice", service.name)["status"]["modelStatus"]["transitionStatus"]
        assert transition not in ("InvalidSpec", "BlockedByFailedLoad")


def test_it_makes_no_way_past_the_pool_and_no_autoscaler(kserve):
    service = kserve.get("service", f"{MODEL}-predictor")
    assert [port["targetPort"] for port in service["spec"]["ports"]] == [8000]
    for kind in ("ingress", "horizontalpodautoscaler"):
        assert kserve.server.kubectl("get", kind, "--all-namespaces", "--output", "name").stdout == ""


def test_a_model_that_sleeps_is_ready(kserve):
    """Its transition never ends, by which Argo CD's own check would wait for ever; ours asks for Ready."""
    kserve.scale(f"{MODEL}-predictor", 0)
    eventually(lambda: kserve.pods() == [])
    eventually(lambda: conditions(kserve, MODEL).get("Ready") == "True")
    status = kserve.get("inferenceservice", MODEL)["status"]
    assert status["modelStatus"]["transitionStatus"] == "InProgress"
    # And KServe leaves the number to KEDA.
    assert kserve.get("deployment", f"{MODEL}-predictor")["spec"]["replicas"] == 0


def conditions(kserve: KServe, name: str) -> dict[str, str]:
    status = kserve.get("inferenceservice", name).get("status", {})
    return {condition["type"]: condition["status"] for condition in status.get("conditions", [])}


def test_a_number_of_pods_is_kept(kserve):
    service = copy.deepcopy(everything().find("InferenceService", "serving", MODEL).object)
    service["metadata"]["name"] = "fixed"
    service["metadata"]["annotations"][SCALED_BY] = "none"
    service["spec"]["predictor"] |= {"minReplicas": 2, "maxReplicas": 2}
    assert kserve.server.create(service) == ""
    eventually(lambda: len(kserve.pods("fixed")) == 2)
    kserve.scale("fixed-predictor", 3)
    eventually(lambda: kserve.get("deployment", "fixed-predictor")["spec"]["replicas"] == 2)


def test_its_modelcars_are_refused_by_pod_security(kserve):
    """Why weights are an image volume here too: the container that KServe adds has no security context."""
    service = copy.deepcopy(everything().find("InferenceService", "serving", MODEL).object)
    service["metadata"]["name"] = "modelcar"
    container = service["spec"]["predictor"]["containers"][0]
    container["env"].append({"name": "STORAGE_URI", "value": "oci://registry.example.com/model@sha256:" + "0" * 64})
    assert kserve.server.create(service) == ""
    eventually(lambda: 'violates PodSecurity "restricted' in replica_failure(kserve, "modelcar-predictor"))
    assert '"modelcar" must set securityContext' in replica_failure(kserve, "modelcar-predictor")
    assert kserve.pods("modelcar") == []


def replica_failure(kserve: KServe, deployment: str) -> str:
    status = (kserve.get("deployment", deployment) or {}).get("status", {})
    found = [one["message"] for one in status.get("conditions", []) if one["type"] == "ReplicaFailure"]
    return found[0] if found else ""


def test_its_webhook_refuses_a_model_beside_a_container(kserve):
    service = copy.deepcopy(everything().find("InferenceService", "serving", MODEL).object)
    service["metadata"]["name"] = "both"
    service["spec"]["predictor"]["model"] = {"modelFormat": {"name": "vllm"}}
    assert "must be specified in PredictorSpec" in kserve.server.create(service)


def test_what_is_deleted_leaves_nothing(kserve):
    done = kserve.server.kubectl("delete", "inferenceservice", MODEL, "--namespace", "serving", "--timeout", "20s")
    assert done.returncode == 0, done.stderr
    for kind in ("deployment", "service"):
        eventually(lambda kind=kind: kserve.get(kind, f"{MODEL}-predictor") is None)
    eventually(lambda: kserve.pods() == [])
