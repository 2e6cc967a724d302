"""`make doctor`: what the commands need, what there is of it, and what to do about the rest."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator

from operations.bootstrap import unresolved_images
from operations.kube import Kube
from operations.session import Refusal, Session

OLDEST_KUBERNETES = (1, 35)


def doctor(session: Session) -> int:
    """One line for each finding; the exit code says whether something is missing."""
    lacking = False
    for good, text, remedy in findings(session):
        print(f"{'ok  ' if good else 'lack'} {text}" + ("" if good else f"\n     -> {remedy}"))
        lacking = lacking or not good
    return 1 if lacking else 0


def findings(session: Session) -> Iterator[tuple[bool, str, str]]:
    yield from programs(session)
    yield from configuration(session)
    yield from cluster(session)


def programs(session: Session) -> Iterator[tuple[bool, str, str]]:
    go = "or Go 1.26, and it is built (scripts/platform-tool {})"
    wanted = {
        "git": "install git",
        "kubectl": "install kubectl 1.35 or later, " + go.format("kubectl"),
        "helm": "install Helm 3.18 or later, " + go.format("helm"),
    }
    store = {"gcp": "gcloud", "vault": "vault"}.get(session.values["secrets"]["provider"])
    if store:
        wanted[store] = f"install {store} and sign in: this cluster's secrets are there"
    for name, remedy in wanted.items():
        buildable = name in ("kubectl", "helm") and shutil.which("go")
        yield bool(shutil.which(name) or buildable), f"{name}: {shutil.which(name) or 'built from its Go module' if buildable else shutil.which(name) or 'missing'}", remedy


def configuration(session: Session) -> Iterator[tuple[bool, str, str]]:
    values, file = session.values, f"manifests/clusters/{session.cluster}/config.yaml"
    repository, domain = values["git"]["repository"], values["domain"]
    yield "example.com" not in repository, f"git.repository: {repository}", f"name your fork in {file}"
    yield "example.com" not in domain, f"domain: {domain}", f"name a domain of yours in {file}"
    unresolved = unresolved_images(values)
    if values["cluster"]["requireDigests"]:
        yield not unresolved, f"{len(unresolved)} images without a digest", "make pin, on a machine with a network"
    dirty = session.attempt("git", "status", "--porcelain", "manifests").stdout
    yield not dirty, "manifests/ is committed" if not dirty else "manifests/ has uncommitted changes", "commit and push: Argo CD reads Git, not this folder"


def cluster(session: Session) -> Iterator[tuple[bool, str, str]]:
    """The cluster itself, once there is one that is this one's."""
    try:
        kube = Kube(session)
    except Refusal as refusal:
        yield False, "no kubectl context of this cluster", str(refusal)
        return
    yield True, f"context: {kube.context}", ""
    if session.dry_run:
        return
    done = kube.attempt("version", "--output", "json")
    if done.returncode != 0:
        yield False, "the API server does not answer", done.stderr.strip()
        return
    yield version(json.loads(done.stdout)["serverVersion"])
    yield gpus(kube, session)


def version(server: dict) -> tuple[bool, str, str]:
    numbers = tuple(int(re.match(r"\d+", server[part])[0]) for part in ("major", "minor"))
    wanted = ".".join(map(str, OLDEST_KUBERNETES))
    return numbers >= OLDEST_KUBERNETES, f"Kubernetes {server['gitVersion']}", f"upgrade to {wanted}: models are mounted as image volumes"


def gpus(kube: Kube, session: Session) -> tuple[bool, str, str]:
    """GPUs that nodes have now; a pool that scales from zero has none, and that is well."""
    asked = sum(
        model["resources"]["requests"].get("nvidia.com/gpu", 0) for model in session.values["models"].values()
    )
    nodes = kube.items("nodes")
    there = sum(int(node["status"].get("allocatable", {}).get("nvidia.com/gpu", 0)) for node in nodes)
    note = "" if there >= asked else " (they may come with the first pod, where the pool scales from zero)"
    return True, f"GPUs: the models ask for {asked}, nodes have {there}{note}", ""
