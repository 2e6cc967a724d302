"""Every object of every cluster, in the order of the waves, against a real API server."""

import copy
import itertools
import json

import pytest

from checks import charts, gpu_queues
from harness import api_server
from harness.admission import bare_pod, images, pod_of, wait_for_admission
from upstream import definitions

POD_KINDS = ("Deployment", "StatefulSet", "DaemonSet")


@pytest.fixture(scope="session")
def with_crds(tmp_path_factory):
    """The folder of one that was given every CustomResourceDefinition."""
    folder = tmp_path_factory.mktemp("with-crds")
    with api_server.running(folder) as server:
        crds = [document for owned in definitions.by_application().values() for document in owned]
        assert server.apply(crds) == []
        server.established()
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory, platform, with_crds):
    """One for each cluster: none meets what another left."""
    with api_server.running(tmp_path_factory.mktemp("api-server"), after=with_crds) as server:
        server.established()
        yield server


@pytest.fixture(scope="module")
def applied(server, platform):
    """The cluster, after each of its waves was applied; the errors by wave."""
    assert server.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}}]) == []
    errors = {}
    waves = itertools.groupby(sorted(platform.objects, key=lambda it: it.wave), key=lambda it: it.wave)
    for wave, objects in waves:
        # As Argo CD orders one wave's objects: what others live in comes first.
        ordered = sorted(objects, key=lambda it: it.kind not in ("Namespace", "ServiceAccount"))
        errors[wave] = server.apply([rendered.object for rendered in ordered])
    # What the controller manager would make, which does not run here.
    for quota in platform.of("ResourceQuota"):
        hard = quota.object["spec"]["hard"]
        counted = json.dumps({"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}})
        command = ["patch", "resourcequota", quota.name, "--namespace", quota.namespace, "--subresource", "status"]
        assert server.kubectl(*command, "--type", "merge", "--patch", counted).returncode == 0
    spaces = (*(space.name for space in platform.of("Namespace")), "default")
    accounts = ({"name": "default", "namespace": namespace} for namespace in spaces)
    assert server.apply([{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account} for account in accounts]) == []
    wait_for_admission(server, platform)
    return errors


def test_every_object_is_accepted(applied):
    assert {wave: errors for wave, errors in applied.items() if errors} == {}


def test_every_pod_template_may_run_in_its_namespace(server, applied, platform):
    refused = []
    for workload in platform.of(*POD_KINDS):
        pod = pod_of(platform, workload)
        if error := server.create(pod):
            refused.append(f"{workload}: {error}")
    assert refused == []


def test_the_pods_of_others_charts_may_run_in_their_namespaces(server, applied, platform):
    rendered = charts.rendered(platform)
    assert server.apply([account.object for account in rendered.of("ServiceAccount")]) == []
    refused = []
    for workload in rendered.of(*POD_KINDS, "Job"):
        if error := server.create(pod_of(platform, workload)):
            refused.append(f"{workload}: {error}")
    assert refused == []


def test_pod_security_refuses_a_privileged_pod(server, applied, platform):
    pod = pod_of(platform, platform.of("Deployment")[0])
    pod["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    assert 'violates PodSecurity "restricted:v1.35"' in server.create(pod)


def test_an_image_by_tag_is_refused(server, applied, platform):
    for namespace in names_images_by_digest(platform):
        pod = harmless(platform, namespace)
        pod["spec"]["containers"][0]["image"] = "docker.io/library/nginx:1.29.0"
        assert "images must be named by digest (name@sha256:...): docker.io/library/nginx:1.29.0" in server.create(pod)


def names_images_by_digest(platform) -> list[str]:
    """Where what runs is ours, or a tenant's."""
    kept_by_others = {"llm-gateway", "platform-gateway"}
    where = {workload.namespace for workload in platform.of(*POD_KINDS)} | {"tools", "edge", "serving"}
    tenants = {space.name for space in platform.of("Namespace") if "platform.tollgate.dev/tenant" in space.object["metadata"]["labels"]}
    return sorted(({space.name for space in platform.of("Namespace")} & where | tenants) - kept_by_others)


def test_an_image_without_a_digest_is_let_through_only_where_it_is_ours(server, applied, platform):
    """And nowhere in a cluster that requires digests."""
    workloads = [workload for workload in platform.of(*POD_KINDS) if gpu_queues.gpus(workload) == 0]
    for workload in workloads:
        pod = bare_pod(workload)
        if not (by_tag := [image for image in images(pod) if "@" not in image]):
            continue
        taken = server.create(pod) == ""
        assert taken != platform.values["cluster"]["requireDigests"], workload
        elsewhere = harmless(platform, next(one.namespace for one in workloads if one.namespace != workload.namespace))
        elsewhere["spec"]["containers"][0]["image"] = by_tag[0]
        assert "images must be named by digest" in server.create(elsewhere)


def test_a_volume_by_tag_is_refused_too(server, applied, platform):
    pod = pod_of(platform, platform.of("Deployment")[0])
    pod["spec"].setdefault("volumes", []).append({"name": "more", "image": {"reference": "docker.io/library/data:1"}})
    assert "docker.io/library/data:1" in server.create(pod)


def test_an_image_by_digest_is_taken(server, applied, platform):
    pod = pod_of(platform, platform.of("Deployment")[0])
    pod["spec"]["containers"][0]["image"] = "docker.io/library/nginx@sha256:" + "0" * 64
    assert server.create(pod) == ""


@pytest.fixture
def model(platform):
    """A model server, where GPUs have queues."""
    if platform.find("ValidatingAdmissionPolicy", None, "gpus-by-queue") is None:
        pytest.skip("this cluster has no queues")
    return next(workload for workload in platform.of("Deployment") if gpu_queues.gpus(workload))


def test_a_gpu_past_the_queues_is_refused(server, applied, platform, model):
    pod = pod_of(platform, model)
    assert server.create(pod) == ""
    ungated = copy.deepcopy(pod)
    del ungated["spec"]["schedulingGates"]
    past = "Kueue does not hold this"
    assert past in server.create(ungated)
    job = job_of(ungated)
    assert past in server.create(job)
    job["spec"]["suspend"] = True
    assert server.create(job) == ""
    del pod["metadata"]["labels"][gpu_queues.QUEUE]
    refusal = "what asks for nvidia.com/gpu in serving carries the label kueue.x-k8s.io/queue-name"
    assert refusal in server.create(pod)
    job["metadata"]["labels"] = {}
    assert refusal in server.create(job)


def test_another_namespaces_host_is_refused(server, applied, platform):
    """A longer path on one's sign-in page would be taken by a route of any namespace that has some."""
    route = next((one for one in platform.of("HTTPRoute") if one.namespace == "open-webui"), None)
    if route is None:
        pytest.skip("this cluster has no route of people's")
    taking = copy.deepcopy(route.object)
    taking["metadata"] = {"name": "taking", "namespace": "open-webui"}
    domain = platform.values["domain"]
    for hosts in (["dex." + domain], ["chat." + domain, "dex." + domain], []):
        taking["spec"]["hostnames"] = hosts
        assert f"routes of open-webui may take chat.{domain} on the Gateway platform" in server.create(taking)


def test_a_certificate_that_opens_a_gateway_is_the_edges_alone(server, applied, platform):
    certificate = copy.deepcopy(platform.find("Certificate", "edge", "tollgate-edge-client").object)
    for namespace, refusal in (("serving", "for `server auth` alone"), ("llm-gateway", "for `server auth` alone")):
        certificate["metadata"] = {"name": "taking", "namespace": namespace}
        assert refusal in server.create(certificate)
    certificate["metadata"]["namespace"] = "serving"
    certificate["spec"]["usages"] = ["server auth"]
    assert "the private authority signs nothing for serving" in server.create(certificate)


def test_a_gpu_where_there_is_no_queue_is_refused(server, applied, platform, model):
    """However it is called, and held or not."""
    for namespace in (*(space.name for space in platform.of("Namespace")), "default"):
        pod = pod_of(platform, model) | {"metadata": {"generateName": "gpu-", "namespace": namespace, "labels": {gpu_queues.QUEUE: "serving"}}}
        if namespace == "serving" or namespace.startswith("tenant-"):
            assert server.create(pod) == ""
            continue
        assert f"waits in a queue, and {namespace} has none" in server.create(pod)
    for name in ("nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-1g.5gb"):
        pod["spec"]["containers"][0]["resources"] = {"limits": {name: 1}}
        assert "waits in a queue, and default has none" in server.create(pod)
        assert "waits in a queue, and default has none" in server.create(job_of(pod))


def test_only_the_jobs_controller_makes_pods_that_are_not_held(server, applied, platform, model):
    pod = pod_of(platform, model)
    del pod["spec"]["schedulingGates"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "some", "uid": "a", "controller": True}
    pod["metadata"]["ownerReferences"] = [owner]
    assert "Kueue does not hold this" in server.create(pod)
    for user in ("system:serviceaccount:kube-system:job-controller", "system:kube-controller-manager"):
        made = server.kubectl("create", "-f", "-", "--as", user, "--as-group", "system:masters", objects=[pod])
        assert made.returncode == 0, made.stderr
    pod["metadata"]["ownerReferences"] = [owner | {"apiVersion": "apps/v1", "kind": "ReplicaSet"}]
    made = server.kubectl("create", "-f", "-", "--as", "system:kube-controller-manager", "--as-group", "system:masters", objects=[pod])
    assert "Kueue does not hold this" in made.stderr


@pytest.fixture
def tenant(platform):
    if not platform.of("ResourceQuota"):
        pytest.skip("this cluster has no tenants")
    return platform.of("ResourceQuota")[0].namespace


def test_a_tenant_stays_within_its_bounds(server, applied, platform, tenant):
    made = harmless(platform, tenant)
    assert server.create(made) == ""
    # What says nothing of memory has some all the same.
    del made["spec"]["containers"][0]["resources"]
    assert server.create(made) == ""
    made["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1000"}}
    assert "exceeded quota: bounds, requested: requests.cpu=1k" in server.create(made)


def test_a_tenants_pod_goes_before_no_other(server, applied, platform, tenant):
    for name in ("system-node-critical", "system-cluster-critical", "request-path"):
        made = harmless(platform, tenant)
        made["spec"]["priorityClassName"] = name
        assert "a tenant's pod goes before no other" in server.create(made)


def test_a_tenants_service_is_inside_the_cluster(server, applied, platform, tenant):
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"generateName": "some-", "namespace": tenant}}
    outside = "a tenant's Service is inside the cluster"
    for spec in ({"type": "LoadBalancer"}, {"type": "NodePort"}, {"externalIPs": ["203.0.113.1"]}):
        assert outside in server.create(service | {"spec": {"ports": [{"port": 80}]} | spec})
    inside = service | {"metadata": {"name": "inside", "namespace": tenant}, "spec": {"ports": [{"port": 80}]}}
    assert server.create(inside) == ""
    changed = server.kubectl("patch", "service", "inside", "--namespace", tenant, "--patch", '{"spec": {"type": "NodePort"}}')
    assert outside in changed.stderr


def harmless(platform, namespace: str) -> dict:
    pod = pod_of(platform, platform.find("Deployment", "edge", "tollgate-edge"))
    container = {key: value for key, value in pod["spec"]["containers"][0].items() if key in ("name", "image", "securityContext")}
    container |= {"image": "docker.io/library/job@sha256:" + "0" * 64, "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
    spec = {"containers": [container], "securityContext": pod["spec"]["securityContext"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "job-", "namespace": namespace}, "spec": spec}


def job_of(pod: dict) -> dict:
    spec = {key: value for key, value in pod["spec"].items() if key != "schedulingGates"} | {"restartPolicy": "Never"}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": copy.deepcopy(pod["metadata"]), "spec": {"template": {"spec": spec}}}
