"""`make teardown`: the platform off a cluster, in the opposite order to how it came up.

What holds data (CRDs, namespaces) asks a second time. The cluster itself is OpenTofu's."""

import datetime
from itertools import groupby

from operations.kube import Kube
from operations.session import Session

WAVE = "argocd.argoproj.io/sync-wave"
# Argo CD runs in what these two keep: it can't remove them and live to say so.
LAST = ("foundation", "argocd")
SECONDS = 600
LATER = datetime.timedelta(minutes=10)
LABEL = "app.kubernetes.io/part-of"


def teardown(session: Session) -> None:
    kube = Kube(session)
    everything = [] if session.dry_run else kube.items("applications.argoproj.io", "--namespace", "argocd")
    applications = [one for one in everything if name(one) not in ("root", *LAST)]
    session.confirm(f"remove the platform from {kube.context}")
    # The root first, or it would bring back what goes. It leaves its Applications where they are.
    kube.change("delete", "application.argoproj.io", "root", "--namespace", "argocd", "--ignore-not-found")
    for _, group in waves([one for one in applications if not keeps(one)]):
        remove(kube, [name(one) for one in group])
    session.confirm("remove CRDs and namespaces too, with everything that is in them")
    kept = [one for one in applications if keeps(one)]
    for _, group in waves(kept):
        remove(kube, [name(one) for one in group], approved=True)
    # Argo CD never deletes these, whoever confirms it.
    delete(kube, "crd", definitions(kept))
    by_hand(kube, [name(one) for one in everything if name(one) in LAST])
    print(f"The platform is gone. The cluster: make tf-destroy CLUSTER={session.cluster}")


def waves(applications: list[dict]):
    """From the last to the first."""
    return groupby(sorted(applications, key=wave, reverse=True), key=wave)


def remove(kube: Kube, names: list[str], approved: bool = False) -> None:
    """Argo CD removes what an Application has made, and then the Application. One that is at work, or will
    try again, would first come to its end."""
    for one in names:
        patch(kube, one, '{"operation": null}')
    kube.change("delete", "application.argoproj.io", *names, "--namespace", "argocd", "--wait=false")
    for one in names if approved else []:
        # It counts only if it is later than the deletion; clocks may differ. What is gone needs none.
        approval = f"argocd.argoproj.io/deletion-approved={kube.session.now(LATER)}"
        kube.attempt("annotate", "application.argoproj.io", one, approval, "--namespace", "argocd", "--overwrite")
    delete(kube, "application.argoproj.io", names)


def patch(kube: Kube, name: str, what: str) -> None:
    kube.change("patch", "application.argoproj.io", name, "--namespace", "argocd", "--type", "merge", "--patch", what)


def delete(kube: Kube, kind: str, names: list[str]) -> None:
    """Waits until they are gone."""
    if names:
        kube.change("delete", kind, *names, "--namespace", "argocd", "--ignore-not-found", "--timeout", f"{SECONDS}s")


def definitions(applications: list[dict]) -> list[str]:
    """The CRDs that these have brought."""
    resources = [resource for one in applications for resource in one.get("status", {}).get("resources", [])]
    return [resource["name"] for resource in resources if resource["kind"] == "CustomResourceDefinition"]


def by_hand(kube: Kube, names: list[str]) -> None:
    """Argo CD itself and what it lives in."""
    for one in names:
        # Nobody would be left to act on it.
        patch(kube, one, '{"metadata": {"finalizers": null}}')
        remove(kube, [one])
    kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings"
    kube.change("delete", kinds, "--selector", f"{LABEL}=foundation")
    kube.change("delete", "namespaces", "--selector", f"{LABEL}=foundation", "--timeout", f"{SECONDS}s")
    kube.change("delete", "crds,clusterroles,clusterrolebindings", "--selector", f"{LABEL}=argocd")


def keeps(application: dict) -> bool:
    """It owns what a person has to let go."""
    return "Delete=confirm" in application["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-options", "")


def wave(application: dict) -> int:
    return int(application["metadata"].get("annotations", {}).get(WAVE, 0))


def name(application: dict) -> str:
    return application["metadata"]["name"]
