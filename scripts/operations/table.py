"""manifests/secrets.yaml, and which of its secrets a cluster's ExternalSecrets ask for."""

from dataclasses import dataclass, field

import yaml

import cluster_config
from operations.session import Refusal, Session


@dataclass(frozen=True)
class Secret:
    """One row of the table."""

    name: str
    layer: str
    owner: str
    properties: dict[str, dict]
    use: str
    rotate: str
    reload: list[dict] = field(default_factory=list)

    @property
    def key_property(self) -> str | None:
        """The property that is a virtual key, if one is."""
        return next((name for name, how in self.properties.items() if "virtual-key" in how), None)

    @property
    def virtual_key(self) -> str | None:
        """What the policies call it."""
        return self.key_property and self.properties[self.key_property]["virtual-key"]


def table(session: Session) -> dict[str, Secret]:
    rows = cluster_config.load(session.root / "manifests/secrets.yaml")
    return {row["name"]: Secret(**row) for row in rows}


def needed(session: Session) -> list[Secret]:
    """The secrets that the cluster's manifests ask for, in the table's order.

    Raises Refusal when they ask for one that the table has not got."""
    prefix = store_prefix(session.cluster, session.values)
    asked = {name.removeprefix(prefix) for name, _ in references(session)}
    rows = table(session)
    if unknown := asked - set(rows):
        raise Refusal(f"manifests/secrets.yaml does not have {', '.join(sorted(unknown))}")
    return [row for name, row in rows.items() if name in asked or row.layer == "operations"]


def references(session: Session) -> list[tuple[str, str]]:
    """Name and property of everything that the cluster's ExternalSecrets read, as the store knows it."""
    found = []
    for external in external_secrets(session):
        for data in external["spec"].get("data", []):
            found.append((data["remoteRef"]["key"], data["remoteRef"]["property"]))
    return found


def external_secrets(session: Session) -> list[dict]:
    """All of them, of the layers that are on, and those of `make verify`."""
    found = []
    for application in documents(session.helm_template("manifests/root")):
        if application["kind"] == "Application":
            for source in application["spec"]["sources"]:
                if source.get("path", "").startswith("manifests/layers/"):
                    found += documents(session.helm_template(source["path"]))
    return [body for body in found if body["kind"] == "ExternalSecret"]


def documents(text: str) -> list[dict]:
    return [body for body in yaml.load_all(text, Loader=yaml.CSafeLoader) if body]


def store_prefix(cluster: str, values: dict) -> str:
    """What stands before a secret's name in the store: a project of Google Cloud may hold several clusters."""
    return f"{cluster}-" if values["secrets"]["provider"] == "gcp" else ""
