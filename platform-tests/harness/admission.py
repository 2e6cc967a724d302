"""Pods as they are asked for, and when the API server asks back."""

import copy
import time
from collections.abc import Iterator

from checks import gpu_queues


def pod_of(platform, workload) -> dict:
    """What would be made of it: images have digests where the cluster waits for them, and Kueue holds
    what asks for a GPU."""
    pod = bare_pod(workload)
    if platform.values["cluster"]["requireDigests"]:
        pin(pod)
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


def images(pod: dict) -> list[str]:
    return [place[field] for place, field in named(pod)]


def pin(pod: dict) -> None:
    for place, field in named(pod):
        place[field] = pinned(place[field])


def pinned(reference: str) -> str:
    """As `make pin` would, with a digest that stands for the one that nobody has asked for."""
    repository, colon, tag = reference.rpartition(":")
    by_tag = "@" not in reference and colon and "/" not in tag
    return f"{repository}@sha256:" + "0" * 64 if by_tag else reference


def named(pod: dict) -> Iterator[tuple[dict, str]]:
    spec = pod["spec"]
    for container in (*spec["containers"], *spec.get("initContainers", [])):
        yield container, "image"
    for volume in spec.get("volumes", []):
        if "image" in volume:
            yield volume["image"], "reference"


def wait_for_admission(server, platform) -> None:
    """The API server takes up a new admission policy within some seconds."""
    pod = pod_of(platform, platform.of("Deployment")[0])
    pod["spec"]["containers"][0]["image"] = "docker.io/library/probe:1"
    deadline = time.monotonic() + 30
    while "images must be named by digest" not in server.create(pod):
        assert time.monotonic() < deadline, "the admission policy is not in force after 30 s"
        time.sleep(0.2)
