"""The real Argo CD against a real API server: its application controller and its repository server,
with an in-memory Redis. One program has both roles; its web server is not needed. Kubernetes' own
controller manager empties what is deleted: Argo CD prunes in the foreground, and waits for it."""

import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from harness import api_server
from harness.processes import free_ports, process
from harness.rendering import program
from upstream import definitions

READY_SECONDS = 60


@dataclass(frozen=True)
class ArgoCd:
    server: api_server.ApiServer
    folder: Path

    def applications(self) -> dict[str, dict]:
        listed = self.server.kubectl("get", "applications", "--namespace", "argocd", "--output", "json")
        return {item["metadata"]["name"]: item for item in json.loads(listed.stdout)["items"]}

    def application(self, name: str) -> dict:
        return self.applications()[name]

    def refresh(self, *names: str) -> None:
        """Has it look at Git now; by itself it does so every few minutes."""
        self.annotate("argocd.argoproj.io/refresh=normal", *names)

    def confirm(self, name: str) -> None:
        """What a person does, by the button or by this annotation, to let something be pruned."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.annotate(f"argocd.argoproj.io/deletion-approved={now}", name)

    def annotate(self, annotation: str, *names: str) -> None:
        done = self.server.kubectl("annotate", "application", *names, annotation, "--namespace", "argocd", "--overwrite")
        assert done.returncode == 0, done.stderr

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]


def health(application: dict) -> str:
    return application.get("status", {}).get("health", {}).get("status", "Missing")


def synced(application: dict) -> bool:
    return application.get("status", {}).get("sync", {}).get("status") == "Synced"


def operation(application: dict) -> tuple[str, str]:
    """The phase and the message of what it does, or last did."""
    state = application.get("status", {}).get("operationState", {})
    return state.get("phase", ""), state.get("message", "")


@contextlib.contextmanager
def running(server: api_server.ApiServer, folder: Path, settings: dict[str, str], authority: str):
    """Starts Argo CD with the settings of its ConfigMap; `authority`, in PEM, vouches for the Git server."""
    prepare(server, settings)
    redis, repository, metrics, controller_metrics = free_ports(4)
    environment = files(folder, server, authority)
    repo_server = [
        "ARGOCD_BINARY_NAME=argocd-repo-server", program("argo-cd"), "--disable-tls", "--client-ca-path=", "--redis", f"127.0.0.1:{redis}",
        "--address", "127.0.0.1", "--port", str(repository), "--metrics-address", "127.0.0.1", "--metrics-port", str(metrics),
    ]  # fmt: skip
    # Its metrics listen on all addresses: it has no option for that.
    controller = [
        "ARGOCD_BINARY_NAME=argocd-application-controller", program("argo-cd"), "--namespace", "argocd",
        "--redis", f"127.0.0.1:{redis}", "--repo-server", f"127.0.0.1:{repository}", "--repo-server-plaintext",
        "--metrics-port", str(controller_metrics), "--self-heal-timeout-seconds", "1",
    ]  # fmt: skip
    manager = [
        program("kube-controller-manager"), "--kubeconfig", str(folder / "kubeconfig"), "--leader-elect=false",
        "--controllers", "garbage-collector-controller,namespace-controller", "--secure-port", "0",
    ]  # fmt: skip
    with (
        process("controller-manager", manager, folder),
        process("miniredis", [program("miniredis"), f"127.0.0.1:{redis}"], folder),
        process("repo-server", ["env", "-i", *environment, *repo_server], folder),
        process("controller", ["env", "-i", *environment, *controller], folder),
    ):
        yield ArgoCd(server, folder)


def prepare(server: api_server.ApiServer, settings: dict[str, str]) -> None:
    """What the chart's bootstrap leaves."""
    labels = {"app.kubernetes.io/part-of": "argocd"}
    assert server.apply(definitions.by_application()["argocd"]) == []
    server.established()
    assert server.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}}]) == []
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "argocd-secret", "namespace": "argocd", "labels": labels}}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", "namespace": "argocd", "labels": labels}}
    assert server.apply([secret | {"stringData": {"server.secretkey": "of-this-test-run"}}, config | {"data": settings}]) == []


def files(folder: Path, server: api_server.ApiServer, authority: str) -> list[str]:
    """Argo CD's whole environment: nothing of whoever runs the tests."""
    (folder / "kubeconfig").write_text(json.dumps(server.kubeconfig()))
    (folder / "tls").mkdir()
    # By the host that it is for.
    (folder / "tls" / "127.0.0.1").write_text(authority)
    (folder / "tmp").mkdir()
    helm = Path(program("helm")).parent
    # Its image has this script, which says who signed a commit; here nobody signs.
    (folder / "bin").mkdir()
    (folder / "bin/git-verify-wrapper.sh").write_text("#!/bin/sh\n")
    (folder / "bin/git-verify-wrapper.sh").chmod(0o755)
    return [
        f"PATH={folder / 'bin'}:{helm}:{os.environ['PATH']}", f"HOME={folder}", f"TMPDIR={folder / 'tmp'}",
        f"KUBECONFIG={folder / 'kubeconfig'}", "ARGOCD_FAKE_IN_CLUSTER=true",
        f"ARGOCD_TLS_DATA_PATH={folder / 'tls'}", f"ARGOCD_SSH_DATA_PATH={folder / 'tls'}",
        f"ARGOCD_ASK_PASS_SOCK={folder / 'ask-pass.sock'}", "ARGOCD_GPG_ENABLED=false", "ARGOCD_SYNC_WAVE_DELAY=1",
        # It looks again every few minutes; here sooner.
        "ARGOCD_RECONCILIATION_TIMEOUT=20s", "ARGOCD_RECONCILIATION_JITTER=0",
    ]  # fmt: skip
