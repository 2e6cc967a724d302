"""manifests/secrets.yaml against what the clusters use of it, and what the cloud keeps for it."""

import re

import documents
from checks import secrets_table
from harness.platforms import ROOT, cluster
from harness.rendering import clusters


def test_every_secret_is_asked_for_by_the_layer_that_it_names():
    """A row of a layer that is not there yet, or that no cluster has on, asks nothing."""
    asking = {}
    for name in clusters(ROOT):
        platform = cluster(name)
        for external, key, _ in secrets_table.references(platform):
            key = secrets_table.name_of(platform, key)
            # manifests/layers/NAME/...: an Application may have another name than its layer.
            asking.setdefault(key, set()).add(external.file.split("/")[2])
    unused = {name: row["layer"] for name, row in secrets_table.rows().items() if row["layer"] not in asking.get(name, set())}
    assert {name for name, layer in unused.items() if layer != "operations"} == set()


def test_the_document_has_every_secret_as_it_is():
    """docs/secrets.md: the table says what the list says, and who reads it."""
    readers = {}
    for name in clusters(ROOT):
        platform = cluster(name)
        for external, key, _ in secrets_table.references(platform):
            place = f"{external.namespace}/{external.object['spec']['target']['name']}"
            readers.setdefault(secrets_table.name_of(platform, key), set()).add(place)
    wanted = {}
    for name, row in secrets_table.rows().items():
        read_by = ", ".join(f"`{place}`" for place in sorted(readers.get(name, {"make verify"})))
        wanted[f"`{name}`"] = [row["owner"], made(row), read_by, row["use"], row["rotate"], restarted(row)]
    documented = {name: cells for name, *cells in documents.rows("docs/secrets.md", "The list")}
    assert documented == wanted


def made(row: dict) -> str:
    """How its properties come about, in words."""
    words = []
    for name, how in row["properties"].items():
        if "random" in how:
            words.append(f"`{name}`: {how['random']} random bytes")
        elif "virtual-key" in how:
            words.append(f"`{name}`: the virtual key `{how['virtual-key']}`")
        else:
            words.append(f"`{name}`: given by {how['given']}")
    return "; ".join(words)


def restarted(row: dict) -> str:
    """The Deployments that read it only when they start."""
    readers = (f"`{one['namespace']}/{one['selector'].partition('=')[2]}`" for one in row.get("reload", []))
    return ", ".join(readers) or "nothing"


def test_google_keeps_a_place_for_each_secret_of_the_cluster():
    """OpenTofu makes the places; `make seed-secrets` fills them."""
    for name in clusters(ROOT):
        platform = cluster(name)
        if platform.values["secrets"]["provider"] == "gcp":
            wanted = {secrets_table.name_of(platform, key) for _, key, _ in secrets_table.references(platform)}
            wanted |= {row["name"] for row in secrets_table.rows().values() if row["layer"] == "operations"}
            assert places(name) == wanted, f"substrate/gke/clusters/{name}.tfvars: secrets"


def places(name: str) -> set[str]:
    text = (ROOT / f"substrate/gke/clusters/{name}.tfvars").read_text()
    return set(re.findall(r'"([^"]+)"', re.search(r"^secrets *= \[(.*?)\]", text, re.MULTILINE | re.DOTALL)[1]))
