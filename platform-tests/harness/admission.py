"""Pods as they are asked for, and when the API server asks back."""

import copy
import time

from checks import gpu_queues


def pod_of(platform, workload) -> dict:
    """What would be made of it: Kueue holds what asks for a GPU."""
    pod = bare_pod(workload)
    if gpu_queues.gpus(workload) and platform.find("ValidatingAdmissionPolicy", None, "gpus-by-queue"):
        pod["spec"]["schedulingGates"] = [{"name": "kueue.x-k8s.io/admission"}]
    return pod


def bare_pod(workload) -> dict:
    """Pod Security looks at pods alone: a Deployment of forbidden pods is created with a warning."""
    template = copy.deepcopy(workload.object["spec"]["template"])
    # KServe's templates have a name, which no pod gets.
    template["metadata"].pop("name", None)
    metadata = template["metadata"] | {"generateName": f"{workload.name}-", "namespace": workload.namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def wait_for_admission(server, platform) -> None:
    """The API server takes up a new admission policy within some seconds."""
    pod = bare_pod(platform.of("Deployment")[0])
    pod["spec"]["containers"][0]["image"] = "docker.io/library/probe:1"
    deadline = time.monotonic() + 30
    while "images must be named by digest" not in server.create(pod):
        assert time.monotonic() < deadline, "the admission policy is not in force after 30 s"
        time.sleep(0.2)
