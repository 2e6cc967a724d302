"""External Secrets on our ExternalSecrets and our store: what pods mount comes out of it.

The laptop's store is the rendered one, filled as `make seed-secrets` fills it, and read by the identity
that may read just its secrets. Other clusters' stores are in a cloud: there the provider `fake` stands
under the store's name."""

import base64
import copy
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import api_server, rendering
from harness.platforms import cluster
from harness.processes import eventually, process
from upstream import definitions

STORE_NAMESPACE = "external-secrets"
PATIENCE = 60


@dataclass(frozen=True)
class Synced:
    """A cluster whose ExternalSecrets the real controller has taken."""

    server: api_server.ApiServer
    platform: rendering.Platform

    def secret(self, external: rendering.Rendered) -> dict[str, str]:
        """The data of the Secret that one has made; empty until then."""
        name = external.object["spec"]["target"]["name"]
        got = self.server.kubectl("get", "secret", name, "--namespace", external.namespace, "--output", "json")
        data = json.loads(got.stdout).get("data", {}) if got.returncode == 0 else {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def status(self, external: rendering.Rendered) -> str:
        got = self.server.kubectl("get", "externalsecret", external.name, "--namespace", external.namespace, "--output", "json")
        return json.dumps(json.loads(got.stdout).get("status", {}).get("conditions", []))


@pytest.fixture(scope="module")
def synced(platform, tmp_path_factory):
    """Each cluster in turn, with the store `platform` of the provider `fake`."""
    store = platform.find("ClusterSecretStore", None, "platform").object
    fake = copy.deepcopy(store)
    values = {key: {name: f"{key}/{name}" for name in names} for key, names in asked(platform).items()}
    fake["spec"]["provider"] = {"fake": {"data": [{"key": key, "value": json.dumps(value)} for key, value in values.items()]}}
    yield from reconciled(platform, [fake], tmp_path_factory.mktemp("external-secrets"))


@pytest.fixture(scope="module")
def laptop(tmp_path_factory):
    """The laptop with its own store, whose secrets lie in the cluster."""
    platform = cluster("laptop")
    folder = tmp_path_factory.mktemp("laptop-secrets")
    yield from reconciled(platform, [], folder)


def reconciled(platform: rendering.Platform, store: list[dict], folder: Path):
    with api_server.running(folder) as server:
        assert server.apply([*definitions.by_application()["external-secrets-crds"], secret_store()]) == []
        server.established()
        assert server.apply([rendered.object for rendered in platform.of("Namespace")]) == []
        assert server.apply(admission(platform)) == []
        assert server.apply(store or own_store(server, platform, folder)) == []
        assert server.apply([external.object for external in platform.of("ExternalSecret")]) == []
        (folder / "kubeconfig").write_text(json.dumps(server.kubeconfig()))
        # One at a time: with more, the provider `fake` of 0.16.2 may end the program (`concurrent map writes`).
        command = [rendering.program("external-secrets"), "--metrics-addr", "127.0.0.1:0", "--concurrent", "1"]
        # What it watches but for these is of kinds that we do not have.
        command += [f"--enable-{one}-reconciler=false" for one in ("push-secret", "cluster-push-secret", "cluster-external-secret")]
        with process("external-secrets", ["env", f"KUBECONFIG={folder / 'kubeconfig'}", *command], folder):
            synced = Synced(server, platform)
            # The API server takes up a new admission policy within some seconds.
            eventually(lambda: "there is one store" in server.create(own_to_a_namespace()), PATIENCE)
            yield synced


def admission(platform: rendering.Platform) -> list[dict]:
    kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    return [rendered.object for rendered in platform.of(*kinds) if rendered.application == "secrets"]


def secret_store() -> dict:
    """The kind of which we have no object: as the ClusterSecretStore, in a namespace."""
    owned = definitions.by_application()["external-secrets-crds"]
    crd = copy.deepcopy(next(one for one in owned if one["spec"]["names"]["kind"] == "ClusterSecretStore"))
    crd["metadata"] = {"name": "secretstores.external-secrets.io"}
    names = {"kind": "SecretStore", "listKind": "SecretStoreList", "plural": "secretstores", "singular": "secretstore"}
    crd["spec"] |= {"names": names, "scope": "Namespaced"}
    return crd


def own_to_a_namespace() -> dict:
    """A store that names no identity: in a cloud it would be read as External Secrets itself."""
    spec = {"provider": {"gcpsm": {"projectID": "example-llm-production"}}}
    metadata = {"generateName": "own-", "namespace": "serving"}
    return {"apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": metadata, "spec": spec}


def own_store(server: api_server.ApiServer, platform: rendering.Platform, folder: Path) -> list[dict]:
    """The rendered store with its identity; only the API server's address is this test's."""
    store = copy.deepcopy(platform.find("ClusterSecretStore", None, "platform").object)
    store["spec"]["provider"]["kubernetes"]["server"]["url"] = server.url
    identity = [rendered.object for rendered in platform.of("ServiceAccount", "Role", "RoleBinding") if rendered.namespace == STORE_NAMESPACE]
    certificate = (folder / "certificates/apiserver.crt").read_text()
    authority = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt", "namespace": STORE_NAMESPACE}}
    secrets = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": key, "namespace": STORE_NAMESPACE}}
        | {"stringData": {name: f"{key}/{name}" for name in names}}
        for key, names in asked(platform).items()
    ]
    return [*identity, authority | {"data": {"ca.crt": certificate}}, *secrets, store]


def asked(platform: rendering.Platform) -> dict[str, set[str]]:
    """The store's secrets and their properties, as the ExternalSecrets ask for them."""
    found: dict[str, set[str]] = {}
    for external in platform.of("ExternalSecret"):
        for data in external.object["spec"]["data"]:
            found.setdefault(data["remoteRef"]["key"], set()).add(data["remoteRef"]["property"])
    return found


def test_every_external_secret_makes_what_it_promises(synced):
    for external in synced.platform.of("ExternalSecret"):
        eventually(lambda: synced.secret(external) != {}, PATIENCE)
        assert set(synced.secret(external)) == keys(external), external


def test_values_come_out_as_they_were_put_in(synced):
    for external in synced.platform.of("ExternalSecret"):
        eventually(lambda: synced.secret(external) != {}, PATIENCE)
        if "template" not in external.object["spec"]["target"]:
            for data in external.object["spec"]["data"]:
                reference = data["remoteRef"]
                assert synced.secret(external)[data["secretKey"]] == f"{reference['key']}/{reference['property']}", external


def test_no_template_leaves_a_brace(synced):
    for external in synced.platform.of("ExternalSecret"):
        eventually(lambda: synced.secret(external) != {}, PATIENCE)
        assert not [key for key, value in synced.secret(external).items() if "{{" in value or "<no value>" in value], external


def keys(external: rendering.Rendered) -> set[str]:
    """What the Secret has: its template's keys, where it has one."""
    target = external.object["spec"]["target"]
    template = target.get("template", {})
    own = {data["secretKey"] for data in external.object["spec"]["data"]}
    return (own if template.get("mergePolicy") == "Merge" or not template else set()) | set(template.get("data", {}))


def test_the_laptops_own_store_is_read_by_its_own_identity(laptop):
    for external in laptop.platform.of("ExternalSecret"):
        eventually(lambda: set(laptop.secret(external)) == keys(external), PATIENCE)


def test_nobody_gets_anothers_secret(synced):
    """Of the same store, as any namespace that it lets in."""
    honest = synced.platform.of("ExternalSecret")
    for external in honest:
        assert synced.server.apply([external.object]) == []
    mine: dict[str, set[str]] = {}
    for external in honest:
        mine.setdefault(external.namespace, set()).update(data["remoteRef"]["key"] for data in external.object["spec"]["data"])
    for namespace in {*mine, "edge"}:
        for key in set(asked(synced.platform)) - mine.get(namespace, set()):
            assert f"{namespace} is not named for these secrets: {key}" in synced.server.create(curious(honest[0], namespace, key))


def test_nor_by_another_way(synced):
    honest = synced.platform.of("ExternalSecret")[0]
    key = honest.object["spec"]["data"][0]["remoteRef"]["key"]
    other_way = "secrets are asked for by name, in spec.data, of the ClusterSecretStore platform"
    whole, elsewhere, own = (curious(honest, honest.namespace, key) for _ in range(3))
    whole["spec"] = whole["spec"] | {"data": [], "dataFrom": [{"find": {"name": {"regexp": ".*"}}}]}
    elsewhere["spec"]["data"][0]["sourceRef"] = {"storeRef": {"kind": "ClusterSecretStore", "name": "other"}}
    own["spec"]["secretStoreRef"] = {"kind": "SecretStore", "name": "platform"}
    for one in (whole, elsewhere, own):
        assert other_way in synced.server.create(one)
    patch = json.dumps([{"op": "replace", "path": "/spec/data/0/remoteRef/key", "value": "another"}])
    changed = synced.server.kubectl(
        "patch", "externalsecret", honest.name, "--namespace", honest.namespace, "--type", "json", "--patch", patch
    )
    assert "is not named for these secrets: another" in changed.stderr


def curious(honest: rendering.Rendered, namespace: str, key: str) -> dict:
    """An ExternalSecret like an honest one, for a secret of the store, in a namespace."""
    external = copy.deepcopy(honest.object)
    external["metadata"] = {"name": "curious", "namespace": namespace}
    external["spec"]["target"] = {"name": "curious", "creationPolicy": "Owner", "deletionPolicy": "Retain"}
    external["spec"]["data"] = [{"secretKey": "stolen", "remoteRef": {"key": key, "property": "api-key"}}]
    return external


@pytest.fixture
def without_admission(laptop):
    """What holds without it, too."""
    done = laptop.server.kubectl("delete", "validatingadmissionpolicybinding", "secrets-by-namespace")
    assert done.returncode == 0, done.stderr
    yield laptop
    assert laptop.server.apply(admission(laptop.platform)) == []


def test_that_identity_reads_no_other_secret(without_admission):
    """An ExternalSecret that asks for one that its Role does not name stays without it."""
    laptop = without_admission
    other = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "other", "namespace": STORE_NAMESPACE}, "stringData": {"a": "b"}}
    external = copy.deepcopy(laptop.platform.of("ExternalSecret")[0])
    external.object["metadata"]["name"] = external.object["spec"]["target"]["name"] = "curious"
    external.object["spec"]["data"][0]["remoteRef"] |= {"key": "other", "property": "a"}
    assert laptop.server.apply([other]) == []
    eventually(lambda: laptop.server.apply([external.object]) == [])
    eventually(lambda: "SecretSyncedError" in laptop.status(external), PATIENCE)
    assert laptop.secret(external) == {}


def test_another_namespace_may_not_use_the_store(without_admission):
    laptop = without_admission
    external = copy.deepcopy(laptop.platform.of("ExternalSecret")[0])
    external.object["metadata"] |= {"name": "elsewhere", "namespace": "argocd"}
    eventually(lambda: laptop.server.apply([external.object]) == [])
    eventually(lambda: "SecretSyncedError" in laptop.status(external), PATIENCE)
    assert laptop.secret(external) == {}
