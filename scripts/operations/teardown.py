"""`make teardown`: the platform off a cluster, in the opposite order to how it came up.

What holds data (CRDs, namespaces) asks a second time. The cluster itself is OpenTofu's."""

import datetime
from itertools import groupby

from operations.kube import Kube, NoArgoCd
from operations.laptop import is_laptop
from operations.session import Session

WAVE = "argocd.argoproj.io/sync-wave"
TRACKING = "argocd.argoproj.io/tracking-id"
# Argo CD runs in what these two keep: it can't remove them and live to say so.
LAST = ("foundation", "argocd")
SECONDS = 600
LATER = datetime.timedelta(minutes=10)
LABEL = "app.kubernetes.io/part-of"


def teardown(session: Session) -> None:
    kube = Kube(session)
    everything = rendered(session) if session.dry_run else there(kube)
    applications = [one for one in everything if name(one) not in ("root", *LAST)]
    session.confirm(f"remove the platform from {kube.context}")
    # The root first, or it would bring back what goes. It leaves its Applications where they are.
    if everything:
        kube.change("delete", "application.argoproj.io", "root", "--namespace", "argocd", "--ignore-not-found")
    for _, group in waves([one for one in applications if not keeps(one)]):
        remove(kube, [name(one) for one in group])
    session.confirm("remove CRDs and namespaces too, with everything that is in them")
    kept = [one for one in applications if keeps(one)]
    brought = definitions(kube, kept)
    for _, group in waves(kept):
        remove(kube, [name(one) for one in group], approved=True)
    # Argo CD never deletes these, whoever confirms it.
    delete(kube, "crd", brought)
    by_hand(kube, [name(one) for one in everything if name(one) in LAST])
    below = f"k3d cluster delete {session.cluster}" if is_laptop(session) else f"make tf-destroy CLUSTER={session.cluster}"
    if not session.dry_run:
        print(f"The platform is gone. The cluster: {below}")


def rendered(session: Session) -> list[dict]:
    """The Applications that a cluster has once the root was there."""
    return [one.object for one in session.platform().of("Application")]


def there(kube: Kube) -> list[dict]:
    """Its Applications; none where a run before this one came as far as Argo CD itself."""
    try:
        return kube.applications()
    except NoArgoCd:
        if kube.items("namespaces", "--selector", f"{LABEL}=foundation") or tracked(kube):
            return []
        raise


def waves(applications: list[dict]):
    """From the last to the first."""
    return groupby(sorted(applications, key=wave, reverse=True), key=wave)


def remove(kube: Kube, names: list[str], approved: bool = False) -> None:
    """Argo CD removes what an Application has made, and then the Application. One that is at work, or will
    try again, would first come to its end."""
    for one in names:
        patch(kube, one, '{"operation": null}')
    kube.change("delete", "application.argoproj.io", *names, "--namespace", "argocd", "--wait=false")
    for one in names if approved and not kube.session.dry_run else []:
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


def definitions(kube: Kube, applications: list[dict]) -> list[str]:
    """The CRDs that these have brought, and those whose Application is gone since a run that was stopped."""
    resources = [resource for one in applications for resource in one.get("status", {}).get("resources", [])]
    listed = {resource["name"] for resource in resources if resource["kind"] == "CustomResourceDefinition"}
    if kube.session.dry_run:
        return sorted(listed)
    owners = {name(one) for one in (*applications, *filter(keeps, rendered(kube.session)))} - set(LAST)
    return sorted(listed | {crd for crd, owner in tracked(kube).items() if owner in owners})


def tracked(kube: Kube) -> dict[str, str]:
    """CRD to the Application that Argo CD has written on it."""
    found = {}
    for crd in kube.items("customresourcedefinitions.apiextensions.k8s.io"):
        owner, _, _ = crd["metadata"].get("annotations", {}).get(TRACKING, "").partition(":")
        if owner:
            found[name(crd)] = owner
    return found


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


def name(body: dict) -> str:
    return body["metadata"]["name"]
