"""`make laptop-up`: a cluster on this machine, beside it the images that this checkout makes, and in it a mirror
of this checkout for Argo CD to read.

k3d makes the cluster, with a registry beside it; where kubectl's context is one of this cluster already
(k3s, say), that one is taken. `git push` to the mirror goes through kubectl, so nothing listens outside."""

import shutil

from operations import laptop_images
from operations.kube import Kube
from operations.session import Refusal, Session

# Kubernetes 1.35: models are mounted as image volumes.
NODE_IMAGE = "docker.io/rancher/k3s:v1.35.4-k3s1"
NAMESPACE = "git-mirror"
START_SECONDS = 300


def laptop_up(session: Session) -> None:
    if not is_laptop(session):
        raise Refusal(f"{session.cluster} reads {session.values['git']['repository']}: it needs no mirror on this machine")
    # Before anything is made.
    mirror = session.helm_template("manifests/git-mirror")
    cluster(session)
    kube = Kube(session)
    session.confirm(f"put this checkout's images beside {kube.context}, the Git mirror on it, and HEAD into that")
    laptop_images.put_images(session)
    kube.apply(mirror)
    kube.change("rollout", "status", "deployment/git", "--namespace", NAMESPACE, "--timeout", f"{START_SECONDS}s")
    push(session, kube)
    if session.attempt("git", "status", "--porcelain", session.folder).stdout:
        print(f"The mirror has HEAD, and manifests/clusters/{session.cluster} has changes: commit them, and run this again before `make root`")
    if not session.dry_run:
        print(f"Next: docs/platform/laptop.md, {next_step(session, kube)}")


def next_step(session: Session, kube: Kube) -> str:
    """By what is there already; the same command is a part of two steps."""
    if not kube.get("crd", "applications.argoproj.io", "argocd"):
        return f"step 2: make bootstrap CLUSTER={session.cluster}, then seed-secrets and a key of your own"
    return f"step 3: make root CLUSTER={session.cluster}, then make wait, once what step 2 has written is rendered and committed"


def is_laptop(session: Session) -> bool:
    """Whether it reads the mirror."""
    return "git-mirror" in session.values["git"]["repository"]


def cluster(session: Session) -> None:
    """By k3d, unless there is one."""
    if not session.dry_run and Kube.is_there(session):
        return
    if not session.dry_run and not shutil.which("k3d"):
        raise Refusal("k3d is missing, and kubectl's context is no k3s of this name: install k3d, or k3s (substrate/k3s)")
    session.confirm(f"make the k3d cluster {session.cluster}")
    session.change(
        "k3d", "cluster", "create", session.cluster, "--image", NODE_IMAGE,
        "--registry-create", f"{laptop_images.REGISTRY.partition(':')[0]}:127.0.0.1:{laptop_images.port()}",
        # The edge is the front door: k3s' own would take its ports.
        "--k3s-arg", "--disable=traefik@server:0", "--wait",
    )  # fmt: skip


def push(session: Session, kube: Kube) -> None:
    """HEAD as the branch that the cluster reads. What is not committed is not there."""
    revision = session.values["git"]["revision"]
    if session.dry_run:
        session.change("git", "push", "--force", "http://127.0.0.1:PORT/tollgate.git", f"HEAD:refs/heads/{revision}")
        return
    with kube.forwarded(NAMESPACE, "git", 80) as port:
        session.change("git", "push", "--force", f"http://127.0.0.1:{port}/tollgate.git", f"HEAD:refs/heads/{revision}")
