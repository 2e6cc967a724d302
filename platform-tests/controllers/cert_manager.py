"""cert-manager's own controllers on a real API server, with what its chart gives them: configuration,
arguments, and an account with its roles. No kubelet runs, and none of its webhooks."""

import base64
import contextlib
import copy
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml

from checks import charts
from harness import api_server, rendering
from harness.admission import pinned
from harness.processes import eventually, process
from upstream import definitions

NAME = "cert-manager"
PATIENCE = 60
DEFINITIONS = ("cert-manager-crds", "gateway-api-crds")
IDENTITY = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
ADMISSION = ("Namespace", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
# Nothing answers there.
NOWHERE = {"server": "https://127.0.0.1:1/directory"}


@dataclass(frozen=True)
class CertManager:
    """A cluster whose issuers and Certificates the controllers have been given."""

    server: api_server.ApiServer
    platform: rendering.Platform

    def get(self, kind: str, namespace: str | None, name: str) -> dict:
        """The object; empty where there is none."""
        where = ["--namespace", namespace] if namespace else []
        done = self.server.kubectl("get", kind, name, *where, "--output", "json")
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def list(self, kind: str, namespace: str) -> list[dict]:
        done = self.server.kubectl("get", kind, "--namespace", namespace, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["items"]

    def is_true(self, kind: str, namespace: str | None, name: str, condition: str) -> bool:
        conditions = self.get(kind, namespace, name).get("status", {}).get("conditions", [])
        return any(one["type"] == condition and one["status"] == "True" for one in conditions)

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        data = self.get("secret", namespace, name).get("data", {})
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def issued(self, certificate: rendering.Rendered, patience: float = PATIENCE) -> dict[str, str]:
        """The Secret of a Certificate that is ready."""
        where = (certificate.namespace, certificate.name)
        eventually(lambda: self.is_true("certificate", *where, "Ready"), patience)
        return self.secret(certificate.namespace, certificate.object["spec"]["secretName"])

    def renew(self, certificate: rendering.Rendered) -> dict[str, str]:
        """Asks for a new certificate as `cmctl renew` does, and returns its Secret."""
        before = self.issued(certificate)["tls.crt"]
        asked = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "by a test"}
        conditions = self.get("certificate", certificate.namespace, certificate.name)["status"]["conditions"]
        done = self.server.kubectl(
            "patch", "certificate", certificate.name, "--namespace", certificate.namespace, "--subresource", "status",
            "--type", "merge", "--patch", json.dumps({"status": {"conditions": [*conditions, asked]}}),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        secret = certificate.object["spec"]["secretName"]
        eventually(lambda: self.secret(certificate.namespace, secret)["tls.crt"] != before, PATIENCE)
        return self.issued(certificate)


@contextlib.contextmanager
def running(platform: rendering.Platform, folder: Path, acme: dict | None = None, environment: dict | None = None):
    """The controllers, with every issuer and Certificate of the cluster. `acme` says where the public
    authority of this test is; without, nobody answers in its place."""
    folder.mkdir(parents=True, exist_ok=True)
    with api_server.running(folder) as server:
        for application in DEFINITIONS:
            assert server.apply(definitions.by_application()[application]) == []
        server.established()
        assert server.apply([rendered.object for rendered in platform.of(*ADMISSION)]) == []
        # What the controller manager would make.
        assert server.apply([account(namespace.name) for namespace in platform.of("Namespace")]) == []
        chart = [rendered for rendered in charts.rendered(platform).objects if rendered.application == NAME]
        assert server.apply([rendered.object for rendered in chart if rendered.kind in IDENTITY]) == []
        config = folder / "cert-manager.json"
        config.write_text(json.dumps(configuration(server, chart, folder)))
        variables = [f"{name}={value}" for name, value in (environment or {}).items()]
        with process(NAME, ["env", *variables, rendering.program(NAME), str(config)], folder):
            assert server.apply(issuers(platform, acme or NOWHERE)) == []
            assert server.apply([certificate.object for certificate in platform.of("Certificate")]) == []
            yield CertManager(server, platform)


def account(namespace: str) -> dict:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}}


def issuers(platform: rendering.Platform, acme: dict) -> list[dict]:
    """As they are rendered, but for the public authority, which is no one outside this machine."""
    found = [copy.deepcopy(issuer.object) for issuer in platform.of("ClusterIssuer")]
    for issuer in found:
        if "acme" in issuer["spec"]:
            issuer["spec"]["acme"] |= acme
    return found


def configuration(server: api_server.ApiServer, chart: list[rendering.Rendered], folder: Path) -> dict:
    """The chart's file and arguments, for a program outside the cluster that has the account of its pod."""
    deployment = next(rendered for rendered in chart if (rendered.kind, rendered.name) == ("Deployment", NAME))
    written = next(rendered for rendered in chart if (rendered.kind, rendered.name) == ("ConfigMap", NAME))
    pod = deployment.object["spec"]["template"]["spec"]
    arguments = dict(argument.removeprefix("--").split("=", 1) for argument in pod["containers"][0]["args"])
    kubeconfig = server.kubeconfig()
    kubeconfig["users"][0]["user"]["token"] = token(server, deployment.namespace, pod["serviceAccountName"])
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    return yaml.safe_load(written.object["data"]["config.yaml"]) | {
        "kubeConfig": str(folder / "kubeconfig"),
        "clusterResourceNamespace": arguments["cluster-resource-namespace"].replace("$(POD_NAMESPACE)", deployment.namespace),
        # A cluster that requires digests takes no tag.
        "acmeHTTP01Config": {"solverImage": pinned(arguments["acme-http01-solver-image"])},
    }


def token(server: api_server.ApiServer, namespace: str, account: str) -> str:
    done = server.kubectl("create", "token", account, "--namespace", namespace, "--duration", "1h")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def private(platform: rendering.Platform) -> list[rendering.Rendered]:
    """The Certificates that our own authority signs, and its own."""
    return [one for one in platform.of("Certificate") if one.object["spec"]["issuerRef"]["name"] != "acme"]


def seconds(time: str) -> float:
    """A time as the API server writes it, since 1970."""
    return datetime.fromisoformat(time).timestamp()
