"""Whether what asks for GPUs gets them: by a queue that exists, within what the node pools may grow to.

Each check takes a rendered cluster and returns its findings, each with the file and the field."""

from collections.abc import Iterator

import yaml

from checks import autoscaling
from checks.cross_checks import WORKLOADS, pod_spec
from harness.rendering import Platform, Rendered

GPU = "nvidia.com/gpu"
QUEUE = "kueue.x-k8s.io/queue-name"
QUEUES = {"platform.tollgate.dev/queues": "true"}


def models_fit_their_gpus(platform: Platform) -> Iterator[str]:
    """All replicas that models may come to, those of a rollout among them, have a GPU."""
    wanted: dict[str, int] = {}
    for workload in users(platform):
        kind = kind_of(platform, workload)
        if kind is None:
            yield f"{workload}: nodeSelector: no kind of gpu.kinds has exactly these labels"
            continue
        wanted[kind] = wanted.get(kind, 0) + gpus(workload) * pods_at_most(platform, workload)
    for kind, spec in platform.values["gpu"]["kinds"].items():
        there = spec["max"] - spec.get("batch", 0)
        if wanted.get(kind, 0) > there:
            file = platform.config_file
            yield f"{file}: gpu.kinds.{kind}: models may ask for {wanted[kind]} GPUs, and {there} are theirs"


def gpus_have_a_driver(platform: Platform) -> Iterator[str]:
    if users(platform) and platform.values["gpu"]["stack"] == "none":
        file = platform.config_file
        yield f"{file}: gpu.stack: none, and {users(platform)[0].name} asks for {GPU}"


def users(platform: Platform) -> list[Rendered]:
    return [workload for workload in platform.of(*WORKLOADS) if gpus(workload)]


def gpus(workload: Rendered) -> int:
    """GPUs of one pod."""
    containers = pod_spec(workload)["containers"]
    return sum(int(container.get("resources", {}).get("limits", {}).get(GPU, 0)) for container in containers)


def kind_of(platform: Platform, workload: Rendered) -> str | None:
    selector = pod_spec(workload).get("nodeSelector")
    for kind, spec in platform.values["gpu"]["kinds"].items():
        if spec["nodeLabels"] == selector:
            return kind
    return None


def pods_at_most(platform: Platform, workload: Rendered) -> int:
    spec = workload.object["spec"]
    surge = int(spec.get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 0))
    scaled = autoscaling.scaler(platform, workload)
    return surge + (scaled.object["spec"]["maxReplicaCount"] if scaled else spec.get("replicas", 1))


def gpu_pods_have_a_queue(platform: Platform) -> Iterator[str]:
    """Where there are queues, the label is on the workload, for Kueue, and on its pods, for admission."""
    queued = {space.name for space in platform.of("Namespace") if QUEUES.items() <= space.object["metadata"]["labels"].items()}
    for workload in users(platform):
        if workload.namespace not in queued:
            continue
        template = workload.object["spec"]["template"]
        for field, metadata in (("metadata", workload.object["metadata"]), ("spec.template.metadata", template["metadata"])):
            name = metadata.get("labels", {}).get(QUEUE)
            if name is None:
                yield f"{workload}: {field}.labels: no {QUEUE}: it would pass by the quota, and is refused"
            elif platform.find("LocalQueue", workload.namespace, name) is None:
                yield f"{workload}: {field}.labels: {QUEUE}: there is no LocalQueue {name} in {workload.namespace}"


def queues_lead_to_gpus(platform: Platform) -> Iterator[str]:
    """LocalQueue to ClusterQueue to ResourceFlavor, and the ClusterQueue takes the LocalQueue's namespace."""
    for local in platform.of("LocalQueue"):
        queue = platform.find("ClusterQueue", None, local.object["spec"]["clusterQueue"])
        space = platform.find("Namespace", None, local.namespace)
        if queue is None:
            yield f"{local}: spec.clusterQueue: there is no ClusterQueue {local.object['spec']['clusterQueue']}"
        elif space and not selects(queue.object["spec"]["namespaceSelector"], space.object["metadata"] | {"name": space.name}):
            yield f"{local}: ClusterQueue {queue.name} takes nothing from {local.namespace}"
        if space and not QUEUES.items() <= space.object["metadata"]["labels"].items():
            yield f"{local}: Kueue does not look into {local.namespace}, which has no label {next(iter(QUEUES))}"
    for queue in platform.of("ClusterQueue"):
        for name, _ in quotas(queue):
            if platform.find("ResourceFlavor", None, name) is None:
                yield f"{queue}: spec.resourceGroups: there is no ResourceFlavor {name}"
        if queue.object["spec"]["preemption"]["withinClusterQueue"] != "Never":
            yield f"{queue}: spec.preemption: what runs would be taken off its GPU"


def selects(selector: dict, metadata: dict) -> bool:
    labels = metadata["labels"] | {"kubernetes.io/metadata.name": metadata["name"]}
    expressions = selector.get("matchExpressions", [])
    return selector.get("matchLabels", {}).items() <= labels.items() and all(one["key"] in labels for one in expressions)


def quotas(queue: Rendered) -> Iterator[tuple[str, int]]:
    for group in queue.object["spec"]["resourceGroups"]:
        for flavor in group["flavors"]:
            yield flavor["name"], sum(int(resource["nominalQuota"]) for resource in flavor["resources"])


def quotas_are_the_pools(platform: Platform) -> Iterator[str]:
    """What the queues may admit is what the node pools can hold, or a pod waits for a node for ever."""
    queues = platform.of("ClusterQueue")
    for kind, spec in platform.values["gpu"]["kinds"].items():
        admitted = sum(quota for queue in queues for name, quota in quotas(queue) if name == kind)
        if queues and admitted > spec["max"]:
            yield f"{queues[0]}: spec.resourceGroups: the queues admit {admitted} {kind}, and there are {spec['max']}"


def kueue_is_fenced(platform: Platform) -> Iterator[str]:
    """Its webhooks fail closed, so they are asked in the namespaces that have queues alone."""
    for app in platform.of("Application"):
        if app.name != "kueue":
            continue
        text = app.object["spec"]["sources"][0]["helm"]["valuesObject"]["managerConfig"]["controllerManagerConfigYaml"]
        if yaml.safe_load(text).get("managedJobsNamespaceSelector") != {"matchLabels": QUEUES}:
            yield f"{app}: managedJobsNamespaceSelector: its webhooks could block namespaces that have no queue"


CHECKS = [
    gpus_have_a_driver,
    models_fit_their_gpus,
    gpu_pods_have_a_queue,
    queues_lead_to_gpus,
    quotas_are_the_pools,
    kueue_is_fenced,
]
