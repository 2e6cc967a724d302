"""`make teardown`: the platform off a cluster, in the opposite order to how it came up.

What holds data (CRDs, namespaces, volumes) asks a second time. The cluster itself is OpenTofu's."""

from itertools import groupby

from operations.kube import Kube
from operations.session import Session

WAVE = "argocd.argoproj.io/sync-wave"
# What is left until the end: it is what removes the others.
LAST = "argocd"
SECONDS = 600


def teardown(session: Session) -> None:
    kube = Kube(session)
    applications = [] if session.dry_run else kube.items("applications.argoproj.io", "--namespace", "argocd")
    session.confirm(f"remove the platform from {kube.context}")
    kube.change("delete", "application.argoproj.io", "root", "--namespace", "argocd", "--ignore-not-found")
    kept = [one for one in applications if keeps(one)]
    for wave, group in waves([one for one in applications if not keeps(one)]):
        print(f"wave {wave}")
        remove(kube, [name(one) for one in group])
    if kept or session.dry_run:
        session.confirm("remove CRDs and namespaces too, with everything that is in them")
        for _, group in waves(kept):
            remove(kube, [name(one) for one in group], confirmed=True)
    kube.change("delete", "namespace", "argocd", "--ignore-not-found", "--timeout", f"{SECONDS}s")
    print(f"The platform is gone. The cluster: make tf-destroy CLUSTER={session.cluster}")


def waves(applications: list[dict]):
    """From the last to the first; Argo CD itself is not among them."""
    rest = [one for one in applications if name(one) not in (LAST, "root")]
    ordered = sorted(rest, key=wave, reverse=True)
    return groupby(ordered, key=wave)


def remove(kube: Kube, names: list[str], confirmed: bool = False) -> None:
    """Argo CD removes what an Application has made, and then the Application."""
    if confirmed:
        now = kube.session.now()
        kube.change("annotate", "application.argoproj.io", *names, "--namespace", "argocd", "--overwrite",
                    f"argocd.argoproj.io/deletion-approved={now}")  # fmt: skip
    kube.change("delete", "application.argoproj.io", *names, "--namespace", "argocd", "--timeout", f"{SECONDS}s")


def keeps(application: dict) -> bool:
    """It owns what a person has to let go."""
    return "Delete=confirm" in application["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-options", "")


def wave(application: dict) -> int:
    return int(application["metadata"].get("annotations", {}).get(WAVE, 0))


def name(application: dict) -> str:
    return application["metadata"]["name"]
