"""The CustomResourceDefinitions that each Application of wave -1 brings, at the version it names.

Most come out of their project's released Go module; those that can't be had so are kept beside this
file as structures (scripts/crd-structure). crds/sources.json says which is which."""

import functools
import json
import subprocess
from pathlib import Path

import yaml

# The API server's own kinds that are in no namespace, of those that our manifests and others' charts have.
BUILT_IN_CLUSTER_SCOPED = {
    ("", "Namespace"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
}
FOLDER = Path(__file__).resolve().parent / "crds"


class Loader(yaml.CSafeLoader):
    """Takes `=` as a text, as YAML 1.2 does: the Prometheus operator has it among the words of an enum."""

    yaml_implicit_resolvers = {first: found for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items() if first != "="}


@functools.cache
def sources() -> dict:
    return json.loads((FOLDER / "sources.json").read_text())


@functools.cache
def by_application() -> dict[str, list[dict]]:
    """CRDs and the policies that ship beside them, by the Application that owns them."""
    found = {}
    for source in sources()["modules"]:
        found[source["application"]] = read(module(source), source["files"])
    for source in sources()["structures"]:
        found[source["application"]] = read(FOLDER, source["files"])
    return found


@functools.cache
def health_checks() -> set[tuple[str, str]]:
    """Groups and kinds of which Argo CD's own release tells whether an object is healthy."""
    release = next(source for source in sources()["modules"] if source["application"] == "argocd")
    files = module(release).glob("resource_customizations/*/*/health.lua")
    return {(file.parent.parent.name, file.parent.name) for file in files}


@functools.cache
def commits() -> dict[str, str]:
    """The commit that each Application's release was made of, where the module's proxy says it."""
    found = {source["application"]: downloaded(source).get("Origin", {}).get("Hash") for source in sources()["modules"]}
    return {application: commit for application, commit in found.items() if commit}


def module(source: dict) -> Path:
    return Path(downloaded(source)["Dir"])


def downloaded(source: dict) -> dict:
    """What Go says of a module, whose checksum is the one that is written down."""
    path = f"{source['module']}@{source['version']}"
    done = subprocess.run(["go", "mod", "download", "-json", path], capture_output=True, text=True)
    answer = json.loads(done.stdout or "{}")
    if "Error" in answer or not answer:
        raise RuntimeError(f"{path}: {answer.get('Error') or done.stderr}")
    if answer["Sum"] != source["sum"]:
        raise RuntimeError(f"{path}: checksum is {answer['Sum']}, and {source['sum']} is expected")
    return answer | json.loads(Path(answer["Info"]).read_text())


def read(folder: Path, pattern: str) -> list[dict]:
    documents = []
    for path in sorted(folder.glob(pattern)):
        documents += yaml.load_all(path.read_text(), Loader=Loader)
    found = [document for document in documents if document]
    if not found:
        raise RuntimeError(f"{folder}/{pattern}: nothing is there")
    return found


@functools.cache
def owners() -> dict[str, str]:
    """Which Application brings a CRD, by the CRD's name (`plural.group`).

    Raises when two bring one."""
    owned = {}
    for application, documents in by_application().items():
        for document in documents:
            if document["kind"] != "CustomResourceDefinition":
                continue
            name = document["metadata"]["name"]
            if name in owned:
                raise RuntimeError(f"CRD {name} has two owners: {owned[name]} and {application}")
            owned[name] = application
    return owned


@functools.cache
def kinds() -> dict[tuple[str, str], dict]:
    """CRDs by group and kind."""
    documents = [document for owned in by_application().values() for document in owned]
    return {
        (document["spec"]["group"], document["spec"]["names"]["kind"]): document
        for document in documents
        if document["kind"] == "CustomResourceDefinition"
    }


def is_cluster_scoped(group: str, kind: str) -> bool:
    definition = kinds().get((group, kind))
    return definition["spec"]["scope"] == "Cluster" if definition else (group, kind) in BUILT_IN_CLUSTER_SCOPED
