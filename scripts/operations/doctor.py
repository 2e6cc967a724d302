"""`make doctor`: what the commands need, what there is of it, and what to do about the rest."""

import json
import re
import shutil
from collections.abc import Iterator

from operations.bootstrap import name_a_proof, unresolved_images
from operations.kube import Kube
from operations.laptop import is_laptop
from operations.session import Refusal, Session
from platform_manifests import cluster_config, schema
from refusal import reason

# Whether it is well, what was seen, and what to do otherwise.
Finding = tuple[bool, str, str]

OLDEST_KUBERNETES = (1, 35)


def doctor(session: Session) -> int:
    """One line for each finding; the exit code says whether something is missing."""
    lacking = False
    for good, text, remedy in findings(session):
        print(f"{'ok  ' if good else 'lack'} {text}" + ("" if good else f"\n     -> {remedy}"))
        lacking = lacking or not good
    return 1 if lacking else 0


def findings(session: Session) -> Iterator[Finding]:
    yield from programs(session)
    yield from configuration(session)
    yield from cluster(session)


def programs(session: Session) -> Iterator[Finding]:
    yield program("git", "install git")
    for name, version in (("kubectl", "kubectl 1.35"), ("helm", "Helm 3.18")):
        found = program(name, f"install {version} or later, or Go 1.26: then it is built")
        built = not found[0] and shutil.which("go")
        yield (True, f"{name}: built from its Go module", "") if built else found
    store = {"gcp": "gcloud", "vault": "vault"}.get(session.values["secrets"]["provider"])
    if store:
        yield program(store, f"install {store} and sign in: this cluster's secrets are there")
    if is_laptop(session):
        engine = "podman" if shutil.which("podman") else "buildah"
        yield program(engine, "install buildah or podman: the command line tool's image is built with it")
        yield program("musl-gcc", "install musl-tools: the command line tool is linked with it")


def program(name: str, remedy: str) -> Finding:
    path = shutil.which(name)
    return bool(path), f"{name}: {path or 'missing'}", remedy


def configuration(session: Session) -> Iterator[Finding]:
    values, file = session.values, cluster_config.config_file(session.cluster)
    wrong = list(schema.faults(session.root, values))
    yield not wrong, f"{file} is {'not ' if wrong else ''}as {schema.FILE} has it", "\n        ".join(wrong)
    repository, domain = values["git"]["repository"], values["domain"]
    yield not is_example(repository), f"git.repository: {repository}", f"name your fork in {file}"
    yield not is_example(domain), f"domain: {domain}", f"name a domain of yours in {file}"
    for place, value in examples(values):
        if place not in ("git.repository", "domain"):
            yield False, f"{place}: {value}", f"that is an example: put yours into {file}"
    for path in sorted((session.root / "substrate").glob(f"*/clusters/{session.cluster}.tfvars")):
        changed = '"CHANGE-ME"' not in path.read_text()
        name = path.relative_to(session.root)
        yield changed, f"{name}" + ("" if changed else " still says CHANGE-ME"), f"put your values into {name}"
    unresolved = unresolved_images(values)
    if values["cluster"]["requireDigests"]:
        yield not unresolved, f"{len(unresolved)} images without a digest", "make pin, on a machine with a network"
        proof = " and ".join(sorted(values["edge"]["module"])) or "empty: nothing verifies the module before Envoy starts"
        yield bool(values["edge"]["module"]), f"edge.module: {proof}", name_a_proof(session)
    changed = session.attempt("git", "status", "--porcelain", "manifests").stdout
    state = "has uncommitted changes" if changed else "is committed"
    yield not changed, f"manifests/ {state}", "commit and push: Argo CD reads Git, not this folder"


def is_example(text: str) -> bool:
    """Whether it is what the documents and the clusters of this repository say in a fork's place."""
    return bool(re.search(r"\bexample(\.(com|org|net)\b|-)|CHANGE-ME", text))


def examples(value: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Each with its place; a key of a map may be one too, a group's name say."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if is_example(str(key)):
                yield place, str(key)
            yield from examples(inner, f"{place}.{key}".lstrip("."))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from examples(item, f"{place}[{number}]")
    elif isinstance(value, str) and is_example(value):
        yield place, value


def cluster(session: Session) -> Iterator[Finding]:
    """The cluster itself, once there is one that is this one's."""
    try:
        kube = Kube(session)
    except Refusal as refusal:
        is_there = Kube.is_there(session)
        yield False, "kubectl's context can't be used" if is_there else "no kubectl context of this cluster", str(refusal)
        return
    yield True, f"context: {kube.context}", ""
    if session.dry_run:
        return
    done = kube.attempt("version", "--output", "json")
    if done.returncode != 0:
        yield False, "the API server does not answer", reason(done.stderr)
        return
    yield version(json.loads(done.stdout)["serverVersion"])
    yield gpus(kube, session)


def version(server: dict) -> Finding:
    numbers = tuple(int(re.match(r"\d+", server[part])[0]) for part in ("major", "minor"))
    wanted = ".".join(map(str, OLDEST_KUBERNETES))
    seen = f"Kubernetes {server['gitVersion']}"
    return numbers >= OLDEST_KUBERNETES, seen, f"upgrade to {wanted}: models are mounted as image volumes"


def gpus(kube: Kube, session: Session) -> Finding:
    """GPUs that nodes have now; a pool that scales from zero has none, and that is well."""
    requests = [model["resources"]["requests"] for model in session.values["models"].values()]
    asked = sum(one.get("nvidia.com/gpu", 0) for one in requests)
    nodes = kube.items("nodes")
    there = sum(int(node["status"].get("allocatable", {}).get("nvidia.com/gpu", 0)) for node in nodes)
    note = "" if there >= asked else " (they may come with the first pod, where the pool scales from zero)"
    return True, f"GPUs: the models ask for {asked}, nodes have {there}{note}", ""
