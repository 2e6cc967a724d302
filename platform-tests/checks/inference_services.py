"""What keeps KServe from surprising us. Each check takes a rendered cluster and returns its findings,
each with the file and the field."""

from collections.abc import Iterator

from harness.kserve import CONTAINER, KIND, SCALED_BY

MODE = "serving.kserve.io/deploymentMode"


def services_are_plain_pods(platform) -> Iterator[str]:
    """A container of ours in a Deployment: all the rest of KServe would come between us and the pods."""
    for service in platform.of(KIND):
        predictor = service.object["spec"]["predictor"]
        if service.object["metadata"].get("annotations", {}).get(MODE) != "Standard":
            yield f"{service}: metadata.annotations.{MODE}: not Standard: there is no Knative"
        if "model" in predictor:
            yield f"{service}: spec.predictor.model: KServe refuses it beside `containers`, and no runtime is here"
        if [container["name"] for container in predictor.get("containers", [])] != [CONTAINER]:
            yield f"{service}: spec.predictor.containers: KServe takes one, by the name {CONTAINER}"
        for component in service.object["spec"].keys() - {"predictor"}:
            yield f"{service}: spec.{component}: requests would run through a pod that no pool knows"


def the_canary_is_the_edges(platform) -> Iterator[str]:
    for service in platform.of(KIND):
        if "canaryTrafficPercent" in service.object["spec"]["predictor"]:
            yield f"{service}: spec.predictor.canaryTrafficPercent: the policy at the edge splits traffic"


def one_hand_scales(platform) -> Iterator[str]:
    """KEDA alone where there is a ScaledObject, else KServe by a fixed number; never KServe's own autoscaler."""
    targets = {scaled.object["spec"]["scaleTargetRef"]["name"] for scaled in platform.of("ScaledObject")}
    for service in platform.of(KIND):
        wanted = "external" if f"{service.name}-predictor" in targets else "none"
        found = service.object["metadata"].get("annotations", {}).get(SCALED_BY)
        if found != wanted:
            yield f"{service}: metadata.annotations.{SCALED_BY}: {found} is not {wanted}"


def the_controller_adds_nothing(platform) -> Iterator[str]:
    """What its chart's defaults would add: Knative, an Ingress past the pool, a limit of one CPU."""
    for app in platform.of("Application"):
        if app.name != "kserve":
            continue
        values = app.object["spec"]["sources"][0]["helm"]["valuesObject"]["kserve"]
        field = f"{app}: kserve"
        if values["controller"].get("deploymentMode") != "Standard":
            yield f"{field}.controller.deploymentMode: there is no Knative"
        for switch in ("disableIngressCreation", "disableIstioVirtualHost"):
            if values["controller"].get("gateway", {}).get(switch) is not True:
                yield f"{field}.controller.gateway.{switch}: it would make a way past the InferencePool"
        resources = values.get("inferenceservice", {}).get("resources", {})
        if any(resources.get(kind, {}).get(unit) != "" for kind in ("requests", "limits") for unit in ("cpu", "memory")):
            yield f"{field}.inferenceservice.resources: a model server without a limit would get one of 1 CPU"


def the_controller_comes_first_and_goes_last(platform) -> Iterator[str]:
    """Its webhook takes InferenceServices in, and it alone takes away their finalizer."""
    controller = platform.find("Application", "argocd", "kserve")
    for service in platform.of(KIND):
        if controller is None:
            yield f"{service}: no Application brings KServe's controller"
        elif controller.sync_wave >= service.wave:
            yield f"{service}: wave {service.wave}: KServe's controller is not there before, or gone too early"
        if service.application == "serving":
            yield f"{service}: its Application stays when the feature goes: nothing would take its finalizer away"


CHECKS = [
    services_are_plain_pods,
    the_canary_is_the_edges,
    one_hand_scales,
    the_controller_adds_nothing,
    the_controller_comes_first_and_goes_last,
]
