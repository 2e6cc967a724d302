"""`make bootstrap` and `make root`: the only two times that something is applied by hand."""

import json
import os
import secrets
from pathlib import Path

from operations.kube import Kube, named
from operations.secret_values import one_line
from operations.session import Refusal, Session
from platform_manifests import cluster_config, images

NAMESPACE = "argocd"
ROLLOUT_SECONDS = 600


def bootstrap(session: Session) -> None:
    """Argo CD with the values by which it later keeps itself, so that it finds nothing to change."""
    refuse_unproven(session)
    kube = Kube(session)
    chart = session.values["charts"]["argo-cd"]
    session.confirm(f"install Argo CD, chart {chart['version']}, on {kube.context}")
    # Before anything is applied. Rendered and applied as Argo CD does it with its own chart: there is no Helm release to go stale.
    rendered = session.change(
        "helm", "template", "argocd", "argo-cd", "--repo", chart["repository"], "--version", chart["version"],
        "--namespace", NAMESPACE, "--kube-version", cluster_config.KUBERNETES, "--values", "-", stdin=json.dumps(argo_cd_values(session)), about="the values of the Application argocd",
    )  # fmt: skip
    kube.apply(f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n")
    redis_password(session, kube)
    if session.dry_run:
        kube.change(*kube.APPLY, stdin="-", about="what Helm renders")
    else:
        kube.apply(rendered)
    for workload in ("deployment", "statefulset"):
        kube.change("rollout", "status", workload, "--namespace", NAMESPACE, "--timeout", f"{ROLLOUT_SECONDS}s")


def redis_password(session: Session, kube: Kube) -> None:
    """The chart would make it by a hook that waits for ever once Argo CD applies its own chart."""
    if session.dry_run or not kube.get("secret", "argocd-redis", NAMESPACE):
        kube.put_secret("argocd-redis", NAMESPACE, {"auth": secrets.token_urlsafe(32)})


def argo_cd_values(session: Session) -> dict:
    """The values of the Application `argocd`."""
    if found := session.platform().find("Application", NAMESPACE, "argocd"):
        return found.object["spec"]["sources"][0]["helm"]["valuesObject"]
    raise Refusal("manifests/root has no Application argocd")


def refuse_unproven(session: Session) -> None:
    """A cluster that asks for it starts only when every image of ours is named by digest, and the edge has
    something to verify its module by."""
    if not session.values["cluster"]["requireDigests"]:
        return
    if unresolved := sorted(unresolved_images(session.values)):
        raise Refusal("digest unresolved (make pin, on a machine with a network):\n  " + "\n  ".join(unresolved))
    if not session.values["edge"]["module"]:
        raise Refusal(f"edge.module is empty, so nothing would verify the module before Envoy starts: {name_a_proof(session)}")


def name_a_proof(session: Session) -> str:
    """What to do where the module would be verified by nothing."""
    file = cluster_config.config_file(session.cluster)
    return f"put publicKey and signature of its release, or its sha256, into {file} (docs/images.md)"


def unresolved_images(values: dict) -> list[str]:
    """By where the configuration has them."""
    return [f"{'.'.join(path)}: {reference}" for path, reference in images.by_tag(values)]


def root(session: Session) -> None:
    """The root Application: from here on Git is what changes the cluster."""
    refuse_unproven(session)
    kube = Kube(session)
    git = session.values["git"]
    if not session.dry_run and not kube.get("crd", "applications.argoproj.io", NAMESPACE):
        raise Refusal(f"Argo CD is not there: make bootstrap CLUSTER={session.cluster}")
    manifest = session.helm_template("manifests/bootstrap")
    session.confirm(f"apply {named(manifest)}, which bring {git['repository']} at {git['revision']}")
    kube.apply(manifest)
    if not session.dry_run:
        print(f"Git is in charge now. make wait CLUSTER={session.cluster}")


def repository(session: Session) -> None:
    """How Argo CD signs in to the fork, if it has to: a Secret of its own."""
    url = session.values["git"]["repository"]
    # Before a person is asked for anything.
    credentials = {} if session.dry_run else credentials_for(url)
    kube = Kube(session)
    session.confirm(f"let Argo CD sign in to {url}")
    labels = {"argocd.argoproj.io/secret-type": "repository"}
    kube.put_secret("fork", NAMESPACE, {"type": "git", "url": url} | credentials, labels)


def credentials_for(url: str) -> dict[str, str]:
    """From files that the environment names, so that they are on no command line and in no history."""
    variable = "GIT_TOKEN_FILE" if url.startswith("http") else "GIT_KEY_FILE"
    file = os.environ.get(variable)
    if not file or not Path(file).is_file():
        what = "a token that may read the repository" if variable == "GIT_TOKEN_FILE" else "its private deploy key"
        raise Refusal(f"{variable}=FILE names the file with {what}")
    if variable == "GIT_TOKEN_FILE":
        return {"username": "git", "password": one_line(Path(file), variable)}
    key = Path(file).read_text()
    if "PRIVATE KEY-----" not in key:
        raise Refusal(f"{variable}={file}: it is no private key")
    return {"sshPrivateKey": key}
