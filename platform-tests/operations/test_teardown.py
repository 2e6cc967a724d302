"""A teardown that was stopped is gone on with: kubectl is a stand-in, which keeps what is there."""

import subprocess

import pytest

from harness.platforms import ROOT
from harness.rendering import program
from operations import kube, teardown
from operations.session import Session
from refusal import Refusal

CRDS = {"gateways.gateway.networking.k8s.io": "gateway-api-crds", "certificates.cert-manager.io": "cert-manager-crds",
        "applications.argoproj.io": "argocd", "widgets.example.com": "somebodys"}  # fmt: skip


class Ended(BaseException):
    """As if the process had been killed."""


def application(name: str, wave: int, keep: bool = False, crds: tuple[str, ...] = ()) -> dict:
    options = {"argocd.argoproj.io/sync-options": "Prune=confirm,Delete=confirm"} if keep else {}
    resources = [{"kind": "CustomResourceDefinition", "name": crd} for crd in crds]
    return {"metadata": {"name": name, "annotations": {teardown.WAVE: str(wave)} | options}, "status": {"resources": resources}}


class Kubectl:
    """Stands in for operations.kube.Kube."""

    context = "laptop"

    def __init__(self, session: Session, ends_at: str = ""):
        self.session, self.ends_at = session, ends_at
        made = [application("root", 0), application("edge", 5), application("argocd", -4), application("foundation", -4, True)]
        made += [application(owner, -4, True, (crd,)) for crd, owner in CRDS.items() if owner.endswith("-crds")]
        self.apps, self.crds, self.namespaces = {one["metadata"]["name"]: one for one in made}, dict(CRDS), ["argocd"]

    def applications(self) -> list[dict]:
        if "applications.argoproj.io" not in self.crds:
            raise kube.NoArgoCd("Argo CD is not there: make bootstrap CLUSTER=laptop")
        return list(self.apps.values())

    def items(self, kind: str, *_) -> list[dict]:
        if kind == "namespaces":
            return [{"metadata": {"name": name}} for name in self.namespaces]
        return [{"metadata": {"name": crd, "annotations": {teardown.TRACKING: f"{owner}:apiextensions.k8s.io/CustomResourceDefinition:/{crd}"}}} for crd, owner in self.crds.items()]

    def attempt(self, *_) -> subprocess.CompletedProcess:
        return subprocess.CompletedProcess([], 0, "", "")

    def change(self, verb: str, kind: str, *names: str) -> None:
        if verb != "delete":
            return
        if kind == self.ends_at:
            self.ends_at = ""
            raise Ended
        if kind == "application.argoproj.io":
            assert "applications.argoproj.io" in self.crds, "error: the server doesn't have a resource type"
        gone = {"application.argoproj.io": self.apps, "crd": self.crds}.get(kind, {})
        for name in names:
            gone.pop(name, None)
        if kind == "namespaces":
            self.namespaces.clear()
        if kind.startswith("crds,"):
            self.crds.pop("applications.argoproj.io", None)


@pytest.fixture
def session(monkeypatch, tmp_path) -> Session:
    monkeypatch.setattr(Session, "confirm", lambda *_: None)
    monkeypatch.setattr(Session, "program", lambda _, name: program(name))
    return Session.of(ROOT, "laptop", dry_run=False)


@pytest.mark.parametrize("ends_at", ["application.argoproj.io", "crd", "validatingadmissionpolicies,validatingadmissionpolicybindings",
                                     "namespaces", "crds,clusterroles,clusterrolebindings"])  # fmt: skip
def test_the_next_run_takes_the_rest(session, monkeypatch, capsys, ends_at):
    kubectl = Kubectl(session, ends_at)
    monkeypatch.setattr(teardown, "Kube", lambda _: kubectl)
    with pytest.raises(Ended):
        teardown.teardown(session)
    assert "is gone" not in capsys.readouterr().out
    teardown.teardown(session)
    assert kubectl.apps == {} and kubectl.crds == {"widgets.example.com": "somebodys"} and kubectl.namespaces == []
    assert capsys.readouterr().out.endswith("The platform is gone. The cluster: k3d cluster delete laptop\n")


def test_where_nothing_is_there_it_says_so(session, monkeypatch):
    kubectl = Kubectl(session)
    monkeypatch.setattr(teardown, "Kube", lambda _: kubectl)
    kubectl.apps, kubectl.crds, kubectl.namespaces = {}, {}, []
    with pytest.raises(Refusal, match="^Argo CD is not there: make bootstrap CLUSTER=laptop$"):
        teardown.teardown(session)
