"""Whether applications that people use fit the platform: a key of their own, models that there are,
secrets that they may read.

Each check takes a rendered cluster and returns its findings, each with the file and the field."""

from collections.abc import Iterator

from checks import secrets_table
from checks.cross_checks import of_each_namespace, pod_spec
from checks.request_path import policy
from harness.rendering import Platform, Rendered

EDGE = "http://tollgate-edge-internal.edge.svc.cluster.local:8081/v1"
CLIENT = "platform.tollgate.dev/edge-client"
KEY = "tollgate-key"


def each_has_its_own_key(platform: Platform) -> Iterator[str]:
    """By its key the edge knows an application: one a namespace, and no two the same."""
    owners = {}
    for external in platform.of("ExternalSecret"):
        for entry in external.object["spec"].get("data", []):
            remote = secrets_table.name_of(platform, entry["remoteRef"]["key"])
            if remote.startswith(f"{KEY}-"):
                if remote in owners:
                    yield f"{external}: spec.data: {remote} is {owners[remote].namespace}'s key too"
                owners[remote] = external
    for namespace in platform.of("Namespace"):
        if namespace.object["metadata"].get("labels", {}).get(CLIENT) != "true":
            continue
        own = owners.get(f"{KEY}-{namespace.name}")
        if own is None or own.namespace != namespace.name or own.object["spec"]["target"]["name"] != KEY:
            yield f"{namespace}: {CLIENT}: no ExternalSecret there brings {KEY}-{namespace.name} as {KEY}"


def models_are_asked_of_the_edge(platform: Platform) -> Iterator[str]:
    """Who is told where models are is told the edge's address, and may reach it."""
    clients = {one.name for one in platform.of("Namespace") if one.object["metadata"].get("labels", {}).get(CLIENT) == "true"}
    for workload in platform.of("Deployment", "StatefulSet"):
        for container in pod_spec(workload)["containers"]:
            for variable in container.get("env", []):
                if variable["name"] == "OPENAI_API_BASE_URL" and (variable["value"] != EDGE or workload.namespace not in clients):
                    yield f"{workload}: env[OPENAI_API_BASE_URL]: {variable['value']} is not the edge, or may not be reached"


def tabby_asks_for_models_that_there_are(platform: Platform) -> Iterator[str]:
    if not platform.values["features"]["tabby"]:
        return
    config = platform.config_file
    known = {name: model for model in policy(platform)["models"] for name in [model["name"], *model.get("aliases", [])]}
    wanted = platform.values["tabby"]["models"]
    for part in ("chat", "completion"):
        if wanted[part] not in known:
            yield f"{config}: tabby.models.{part}: the rule files have no model {wanted[part]}"
        elif part == "completion" and "fim" not in known[wanted[part]]:
            yield f"{config}: tabby.models.completion: {wanted[part]} has no `fim` in the rule files"


def keys_that_must_not_change_do_not(platform: Platform) -> Iterator[str]:
    """n8n can't read its credentials with another key than the one that they were written with."""
    for workload in platform.of("Deployment", "StatefulSet"):
        for container in pod_spec(workload)["containers"]:
            for variable in container.get("env", []):
                if variable["name"] == "N8N_ENCRYPTION_KEY":
                    yield from never_changes(platform, workload, variable["valueFrom"]["secretKeyRef"]["name"])


def never_changes(platform: Platform, workload: Rendered, secret: str) -> Iterator[str]:
    wanted = {"refreshPolicy": "CreatedOnce", "target.creationPolicy": "Orphan", "target.deletionPolicy": "Retain", "target.immutable": True}
    for external in platform.of("ExternalSecret"):
        spec = external.object["spec"]
        if (external.namespace, spec["target"]["name"]) == (workload.namespace, secret):
            for field, value in wanted.items():
                inside = spec["target"] if field.startswith("target.") else spec
                if inside.get(field.removeprefix("target.")) != value:
                    yield f"{external}: spec.{field}: not {value}: the key may change, and what it has encrypted is lost"


def secrets_may_be_read(platform: Platform) -> Iterator[str]:
    """The store admits each namespace that asks it, admission what it asks for, and, where the store is
    Kubernetes, its identity each secret."""
    store = platform.find("ClusterSecretStore", None, "platform")
    admitted = {name for condition in store.object["spec"]["conditions"] for name in condition["namespaces"]}
    role = platform.find("Role", "external-secrets", "secret-reader")
    readable = {name for rule in role.object["rules"] for name in rule["resourceNames"]} if role else None
    named = of_each_namespace(platform, "secrets-by-namespace", "mayHave")
    for external in platform.of("ExternalSecret"):
        if external.namespace not in admitted:
            yield f"{external}: spec.secretStoreRef: the store admits no one from {external.namespace}"
        for entry in external.object["spec"].get("data", []):
            key = entry["remoteRef"]["key"]
            if readable is not None and key not in readable:
                yield f"{external}: spec.data: {key} is none of the secrets that secret-reader may get"
            if key not in named.get(external.namespace, []):
                yield f"{external}: spec.data: {external.namespace} is not named for {key} in layers/secrets/templates/_readers.tpl"


CHECKS = [
    each_has_its_own_key,
    models_are_asked_of_the_edge,
    tabby_asks_for_models_that_there_are,
    keys_that_must_not_change_do_not,
    secrets_may_be_read,
]
