"""Where secrets are kept: what External Secrets reads, seen from the person who fills it.

A store says what a secret holds, or None where it is not there, and takes a whole secret. Values go
through standard input, never through arguments, which other users of a machine can list."""

import base64
import json
from typing import Protocol

from operations.kube import Kube
from operations.secret_table import store_prefix
from operations.session import Refusal, Session
from refusal import reason


class Store(Protocol):
    def read(self, name: str) -> dict[str, str] | None: ...

    def write(self, name: str, values: dict[str, str]) -> None: ...


def store_of(session: Session, kube: Kube) -> Store:
    provider = session.values["secrets"]["provider"]
    return {"kubernetes": Kubernetes, "gcp": SecretManager, "vault": Vault}[provider](session, kube)


class Kubernetes:
    """Secrets in the namespace of External Secrets."""

    NAMESPACE = "external-secrets"

    def __init__(self, session: Session, kube: Kube):
        self.kube = kube

    def read(self, name: str) -> dict[str, str] | None:
        if self.kube.session.dry_run:
            return None
        body = self.kube.get("secret", name, self.NAMESPACE)
        return body and {key: base64.b64decode(value).decode() for key, value in body.get("data", {}).items()}

    def write(self, name: str, values: dict[str, str]) -> None:
        self.kube.put_secret(name, self.NAMESPACE, values)


class SecretManager:
    """Google's. OpenTofu makes the secrets, empty; a value is a new version of one, as JSON."""

    def __init__(self, session: Session, kube: Kube):
        self.session = session
        self.project = session.values["cluster"].get("gcpProject")
        if not self.project:
            raise Refusal("cluster.gcpProject is missing: `make config` brings it from OpenTofu")

    def read(self, name: str) -> dict[str, str] | None:
        if self.session.dry_run:
            return None
        done = self.session.attempt("gcloud", "secrets", "versions", "access", "latest", *self._secret(name))
        if done.returncode == 0:
            return json.loads(done.stdout)
        if "NOT_FOUND" in done.stderr:
            return None
        raise Refusal(reason(done.stderr))

    def write(self, name: str, values: dict[str, str]) -> None:
        self.session.change(
            "gcloud", "secrets", "versions", "add", self._key(name),
            "--project", self.project, "--data-file", "-", stdin=json.dumps(values), about="its value",
        )  # fmt: skip

    def _secret(self, name: str) -> tuple[str, ...]:
        return "--secret", self._key(name), "--project", self.project

    def _key(self, name: str) -> str:
        return store_prefix(self.session.cluster, self.session.values) + name


class Vault:
    """Version 2 of its key-value engine; `vault` is signed in by whoever calls."""

    def __init__(self, session: Session, kube: Kube):
        self.session = session
        self.mount = session.values["secrets"]["vault"]["path"]

    def read(self, name: str) -> dict[str, str] | None:
        if self.session.dry_run:
            return None
        done = self.session.attempt("vault", "kv", "get", "-mount", self.mount, "-format", "json", name)
        if done.returncode == 0:
            return json.loads(done.stdout)["data"]["data"]
        if "No value found" in done.stderr:
            return None
        raise Refusal(reason(done.stderr))

    def write(self, name: str, values: dict[str, str]) -> None:
        self.session.change("vault", "kv", "put", "-mount", self.mount, name, "-", stdin=json.dumps(values), about="its value")
