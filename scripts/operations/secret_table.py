"""manifests/secrets.yaml, and which of its secrets a cluster's ExternalSecrets ask for."""

from dataclasses import dataclass, field

from operations.session import Refusal, Session
from platform_manifests import cluster_config


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
    asked = {name.removeprefix(prefix) for name in asked_for(session)}
    rows = table(session)
    if unknown := asked - set(rows):
        raise Refusal(f"manifests/secrets.yaml does not have {', '.join(sorted(unknown))}")
    return [row for name, row in rows.items() if name in asked or row.layer == "operations"]


def asked_for(session: Session) -> set[str]:
    """What the cluster's ExternalSecrets read, as the store knows it."""
    externals = session.platform().of("ExternalSecret")
    return {data["remoteRef"]["key"] for external in externals for data in external.object["spec"].get("data", [])}


def store_prefix(cluster: str, values: dict) -> str:
    """What stands before a secret's name in the store: a project of Google Cloud may hold several clusters."""
    return f"{cluster}-" if values["secrets"]["provider"] == "gcp" else ""
