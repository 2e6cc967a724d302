"""Whether what runs stays there, and where it belongs: probes, budgets, places, addresses, warm starts.

Each check takes a rendered cluster and returns its findings, each with the file and the field."""

from collections.abc import Iterator

from checks.cross_checks import WORKLOADS, pod_spec, selected_by
from checks.request_path import served_names
from harness.rendering import Platform, Rendered

# Labels of nodes that may go at any moment, and of those that are paid for by models.
SPOT = ("cloud.google.com/gke-spot",)
GPUS = ("nvidia.com/gpu.present", "cloud.google.com/gke-accelerator")
# vLLM starts its engine before it listens here: it answers once it is warm.
WARM = "/health"
WANTED_OF_VLLM = ("--enable-prefix-caching", "--enable-chunked-prefill")
# How long pickers and gateways may go on sending to a pod that is told to go.
FORGOTTEN_SECONDS = 5


def pods_say_when_they_are_ready(platform: Platform) -> Iterator[str]:
    for workload in platform.of("Deployment", "StatefulSet"):
        if not any("readinessProbe" in container for container in pod_spec(workload)["containers"]):
            yield f"{workload}: containers: no readinessProbe: requests come before it can take them"


def tokens_are_for_those_who_are_bound(platform: Platform) -> Iterator[str]:
    """A pod that nobody has allowed anything at the API server has no token for it."""
    bound = {
        (subject.get("namespace", binding.namespace), subject["name"])
        for binding in platform.of("RoleBinding", "ClusterRoleBinding")
        for subject in binding.object["subjects"]
        if subject["kind"] == "ServiceAccount"
    }
    for workload in platform.of(*WORKLOADS):
        spec = pod_spec(workload)
        account = (workload.namespace, spec.get("serviceAccountName", "default"))
        if spec.get("automountServiceAccountToken", True) and account not in bound:
            yield f"{workload}: automountServiceAccountToken: {account[1]} may do nothing, and its token is mounted"


def admission_refuses(platform: Platform) -> Iterator[str]:
    bound = {binding.object["spec"]["policyName"] for binding in platform.of("ValidatingAdmissionPolicyBinding")}
    for binding in platform.of("ValidatingAdmissionPolicyBinding"):
        if binding.object["spec"]["validationActions"] != ["Deny"]:
            yield f"{binding}: spec.validationActions: {binding.object['spec']['validationActions']} refuses nothing"
    for policy in platform.of("ValidatingAdmissionPolicy"):
        if policy.object["spec"].get("failurePolicy", "Fail") != "Fail":
            yield f"{policy}: spec.failurePolicy: what can't be judged is let in"
        if policy.name not in bound:
            yield f"{policy}: no ValidatingAdmissionPolicyBinding: it is asked about nothing"


def budgets_let_one_go_at_a_time(platform: Platform) -> Iterator[str]:
    budgets = platform.of("PodDisruptionBudget")
    for budget in budgets:
        if budget.object["spec"].get("maxUnavailable") != 1:
            yield f"{budget}: spec.maxUnavailable: {budget.object['spec'].get('maxUnavailable')} is not 1"
    guarded = {
        workload.name
        for budget in budgets
        for workload in selected_by(platform, budget.namespace, budget.object["spec"]["selector"]["matchLabels"])
    }
    for workload in [*servers(platform), edge(platform)]:
        if workload.name not in guarded:
            yield f"{workload}: no PodDisruptionBudget: a drain of its nodes takes all of it"


def edges_stay_where_they_belong(platform: Platform) -> Iterator[str]:
    """Off nodes that may go at any moment, and off GPUs, unless every node has one."""
    workload = edge(platform)
    spec = pod_spec(workload)
    node = spec.get("affinity", {}).get("nodeAffinity", {})
    terms = node.get("requiredDuringSchedulingIgnoredDuringExecution", {}).get("nodeSelectorTerms", [])
    for label in SPOT if platform.values["edge"]["onGpuNodes"] else (*SPOT, *GPUS):
        absent = {"key": label, "operator": "DoesNotExist"}
        if not terms or not all(absent in term.get("matchExpressions", []) for term in terms):
            yield f"{workload}: affinity.nodeAffinity: it may run on a node with the label {label}"
    if spec.get("tolerations"):
        yield f"{workload}: tolerations: it may run where a taint keeps others off"
    scaled = [scaler for scaler in platform.of("HorizontalPodAutoscaler") if scaler.namespace == "edge"]
    for scaler in scaled:
        wanted = platform.values["edge"]["replicas"]
        found = {"min": scaler.object["spec"]["minReplicas"], "max": scaler.object["spec"]["maxReplicas"]}
        if found != wanted:
            yield f"{scaler}: spec: {found} is not edge.replicas, {wanted}"


def addresses_are_true(platform: Platform) -> Iterator[str]:
    """Limits by address and logs depend on the client's; what is behind is reached pod by pod."""
    service = platform.find("Service", "edge", "tollgate-edge")
    spec = service.object["spec"]
    proxied = platform.values["edge"]["service"].get("proxyProtocol")
    if spec["type"] == "LoadBalancer" and spec.get("externalTrafficPolicy") != "Local" and not proxied:
        yield f"{service}: spec.externalTrafficPolicy: every client has a node's address"
    for service in platform.of("Service"):
        by_gateway = "gateway.networking.k8s.io/gateway-name" in service.object["spec"]["selector"]
        if by_gateway and service.object["spec"].get("clusterIP") != "None":
            yield f"{service}: spec.clusterIP: one connection of the edge's would pin one proxy"


def pickers_are_asked_one_at_a_time(platform: Platform) -> Iterator[str]:
    """Two would each hold a queue; none, and its pool refuses."""
    for pool in platform.of("InferencePool"):
        picker = platform.find("Deployment", pool.namespace, pool.object["spec"]["endpointPickerRef"]["name"])
        if picker is None:
            continue
        spec = picker.object["spec"]
        if spec.get("replicas") != 1:
            yield f"{picker}: spec.replicas: {spec.get('replicas')} pickers each hold a queue of their own"
        if spec.get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable") != 0:
            yield f"{picker}: spec.strategy: between two pickers the pool refuses"


def servers_start_warm_and_end_well(platform: Platform) -> Iterator[str]:
    for server in servers(platform):
        container = pod_spec(server)["containers"][0]
        for argument in WANTED_OF_VLLM:
            if argument not in container["args"]:
                yield f"{server}: args: no {argument}"
        for probe in ("startupProbe", "readinessProbe"):
            path = container.get(probe, {}).get("httpGet", {}).get("path")
            if path != WARM:
                yield f"{server}: {probe}: {path} does not say that it is warm"
        if container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0) < FORGOTTEN_SECONDS:
            yield f"{server}: lifecycle.preStop: it is still sent requests when it stops to listen"
        if not any(mount["mountPath"] == "/dev/shm" for mount in container["volumeMounts"]):
            yield f"{server}: volumeMounts: /dev/shm is the runtime's 64 MiB"


def servers(platform: Platform) -> list[Rendered]:
    return [workload for workload in platform.of("Deployment") if served_names(workload)]


def edge(platform: Platform) -> Rendered:
    return platform.find("Deployment", "edge", "tollgate-edge")


CHECKS = [
    pods_say_when_they_are_ready,
    tokens_are_for_those_who_are_bound,
    admission_refuses,
    budgets_let_one_go_at_a_time,
    edges_stay_where_they_belong,
    addresses_are_true,
    pickers_are_asked_one_at_a_time,
    servers_start_warm_and_end_well,
]
