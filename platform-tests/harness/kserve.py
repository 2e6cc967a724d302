"""What KServe makes of an InferenceService in Standard mode, so that every check of model servers sees
it, whoever makes it; controllers/test_kserve.py compares it with the real manager's."""

import copy
import dataclasses

KIND = "InferenceService"
SCALED_BY = "serving.kserve.io/autoscalerClass"
# The name that KServe gives to a predictor's only container.
CONTAINER = "kserve-container"
# A predictor is a pod's specification and these fields, of those that we use or refuse.
NOT_OF_THE_POD = {"canaryTrafficPercent", "deploymentStrategy", "labels", "maxReplicas", "minReplicas", "model"}


def deployments(objects: list) -> list:
    """The Deployment of each InferenceService among the rendered objects."""
    return [dataclasses.replace(one, object=deployment(one.object)) for one in objects if one.kind == KIND]


def deployment(service: dict) -> dict:
    metadata, predictor = service["metadata"], service["spec"]["predictor"]
    name = f"{metadata['name']}-predictor"
    own = {"app": f"isvc.{name}", "component": "predictor", "serving.kserve.io/inferenceservice": metadata["name"]}
    labels = metadata.get("labels", {}) | predictor.get("labels", {}) | own
    annotations = metadata.get("annotations", {})
    pod = copy.deepcopy({key: value for key, value in predictor.items() if key not in NOT_OF_THE_POD})
    for container in pod.get("containers", []):
        container.setdefault("env", []).append({"name": "INFERENCE_SERVICE_NAME", "value": metadata["name"]})
    # Of the Deployment, and of its pods.
    made = {"name": name, "namespace": metadata["namespace"], "labels": labels, "annotations": annotations}
    spec = {"selector": {"matchLabels": {"app": own["app"]}}, "template": {"metadata": made, "spec": pod}}
    if "deploymentStrategy" in predictor:
        spec["strategy"] = predictor["deploymentStrategy"]
    # Any other class leaves the number to someone else.
    if annotations.get(SCALED_BY) == "none":
        spec["replicas"] = predictor["minReplicas"]
    owner = {"apiVersion": service["apiVersion"], "kind": KIND, "name": metadata["name"]}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": made | {"ownerReferences": [owner]}, "spec": spec}


def makes(workload) -> bool:
    """Whether KServe makes this workload."""
    return any(owner["kind"] == KIND for owner in workload.object["metadata"].get("ownerReferences", []))
