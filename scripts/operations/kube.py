"""kubectl, held to the cluster that CLUSTER names."""

import base64
import contextlib
import json
import re
import select
import subprocess
from collections.abc import Iterator

import yaml

from operations.secret_table import store_prefix
from operations.session import Refusal, Session
from platform_manifests.cluster_config import config_file
from refusal import reason

# Until `kubectl port-forward` has found a pod.
FORWARD_SECONDS = 30


class NoArgoCd(Refusal):
    """Its kinds are not in the cluster: it was never brought, or is gone."""


class Kube:
    """Every call names its context, so that switching it in between leads nowhere else."""

    # Server-side, as Argo CD does it, which takes the fields over without a quarrel.
    APPLY = ("apply", "--server-side", "--force-conflicts", "--filename", "-")

    def __init__(self, session: Session):
        self.session = session
        self.context = self._context()
        self.command = ("kubectl", "--context", self.context)
        if not session.dry_run:
            self._refuse_another_clusters_root()

    @staticmethod
    def is_there(session: Session) -> bool:
        """Whether the current context is this cluster's by its name."""
        current, names = current_context(session), names_of(session.cluster, session.values["cluster"].get("gcpProject"))
        return any(re.fullmatch(name, current) for name in names)

    def _context(self) -> str:
        """The current context, which has to be this cluster's by its name."""
        cluster = self.session.cluster
        if self.session.dry_run:
            return cluster
        current = current_context(self.session)
        if not self.is_there(self.session):
            has = f"the current context is '{current}'" if current else "kubectl has no current context"
            raise Refusal(
                f"{has}, and CLUSTER={cluster} goes with '{cluster}', 'k3d-{cluster}' or what gcloud calls it in its "
                "project: kubectl config use-context, or rename-context"
            )
        return current

    def _refuse_another_clusters_root(self) -> None:
        """A context can be renamed; the root that runs in a cluster says whose it is."""
        root = self.get("application.argoproj.io", "root", "argocd")
        if not root:
            return
        files = root["spec"]["source"]["helm"]["valueFiles"]
        if f"/{config_file(self.session.cluster)}" not in files:
            raise Refusal(f"the context {self.context} leads to another cluster: its root reads {', '.join(files)}")

    def get(self, kind: str, name: str, namespace: str) -> dict | None:
        """None where it is not there, or where there is no such kind yet."""
        done = self.attempt("get", kind, name, "--namespace", namespace, "--output", "json")
        if done.returncode == 0:
            return json.loads(done.stdout)
        if "not found" in done.stderr or "doesn't have a resource type" in done.stderr:
            return None
        raise Refusal(reason(done.stderr))

    def items(self, kind: str, *arguments: str) -> list[dict]:
        return json.loads(self.session.read(*self.command, "get", kind, *arguments, "--output", "json"))["items"]

    def applications(self) -> list[dict]:
        """Argo CD's. Refuses where it is not there."""
        done = self.attempt("get", "applications.argoproj.io", "--namespace", "argocd", "--output", "json")
        if done.returncode == 0:
            return json.loads(done.stdout)["items"]
        if "doesn't have a resource type" in done.stderr:
            raise NoArgoCd(f"Argo CD is not there: make bootstrap CLUSTER={self.session.cluster}")
        raise Refusal(reason(done.stderr))

    def external_secrets_of(self, name: str) -> list[dict]:
        """Those in the cluster that read a secret of the store."""
        if self.session.dry_run:
            return []
        every = self.items("externalsecrets.external-secrets.io", "--all-namespaces")
        key = store_prefix(self.session.cluster, self.session.values) + name
        return [one for one in every if any(data["remoteRef"]["key"] == key for data in one["spec"].get("data", []))]

    def attempt(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess:
        return self.session.attempt(*self.command, *arguments, stdin=stdin)

    def change(self, *arguments: str, stdin: str | None = None, about: str = "input") -> str:
        return self.session.change(*self.command, *arguments, stdin=stdin, about=about)

    @contextlib.contextmanager
    def forwarded(self, namespace: str, service: str, port: int) -> Iterator[int]:
        """A port of this machine that leads to the Service's, for as long as it is used."""
        kubectl = [self.session.program("kubectl"), *self.command[1:]]
        command = [*kubectl, "port-forward", "--namespace", namespace, f"service/{service}", f":{port}"]
        forward = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            ready, _, _ = select.select([forward.stdout], [], [], FORWARD_SECONDS)
            found = ready and re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", forward.stdout.readline())
            if not found:
                forward.kill()
                said = forward.communicate()[1]
                why = reason(said) if said.strip() else f"kubectl says nothing for {FORWARD_SECONDS} s"
                raise Refusal(f"{namespace}/{service} can't be reached: {why}")
            yield int(found[1])
        finally:
            forward.kill()
            forward.wait()

    def apply(self, manifest: str) -> None:
        self.change(*self.APPLY, stdin=manifest, about=named(manifest))

    def put_secret(self, name: str, namespace: str, values: dict[str, str], labels: dict[str, str] | None = None) -> None:
        """All that the Secret holds: keys that are left out are gone."""
        metadata = {"name": name, "namespace": namespace, "labels": labels or {}}
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        self.apply(yaml.safe_dump({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}))


def named(manifest: str) -> str:
    """What it has, by kind and name."""
    return ", ".join(f"{body['kind']} {body['metadata']['name']}" for body in yaml.safe_load_all(manifest) if body)


def current_context(session: Session) -> str:
    """'' where there is none."""
    return session.attempt("kubectl", "config", "current-context").stdout.strip()


def names_of(cluster: str, project: str | None) -> list[str]:
    """Patterns of a context's name: the cluster's own, k3d's, and gcloud's in the cluster's project."""
    google = [f"gke_{re.escape(project)}_[a-z0-9-]+_{cluster}"] if project else []
    return [cluster, f"k3d-{cluster}", *google]
