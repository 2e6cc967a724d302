"""Whether each Secret that something names is brought, with the keys that are read of it, and none is
written down.

Each check takes a rendered cluster and returns its findings, each with the file and the field."""

import re
from collections import defaultdict
from collections.abc import Iterator

from checks.charts import sources
from checks.cross_checks import WORKLOADS, pod_spec
from harness.rendering import Platform, Rendered

SECRET_NAMES = re.compile(r"(KEY|TOKEN|PASSWORD|SECRET|CREDENTIAL)S?$")
# What agentgateway adds to requests it reads from this key of the Secret that `auth` names.
ADDED = "Authorization"
LOOKED_UP = re.compile(r"\$([a-z0-9.-]+):([\w.-]+)")


def named_secrets_are_brought(platform: Platform) -> Iterator[str]:
    brought = keys_by_secret(platform)
    for owner, namespace, field, name, keys in named(platform):
        if (namespace, name) not in brought:
            yield f"{owner}: {field}: nothing makes the Secret {name} in {namespace}"
            continue
        for key in keys:
            if key not in brought[namespace, name]:
                yield f"{owner}: {field}: nothing brings the key {key} of the Secret {name} in {namespace}"


def keys_by_secret(platform: Platform) -> dict[tuple[str, str], set[str]]:
    """What ExternalSecrets and Certificates bring: keys, by the Secret's namespace and name."""
    found = defaultdict(set)
    for external in platform.of("ExternalSecret"):
        spec = external.object["spec"]
        found[external.namespace, spec["target"]["name"]] |= of_external(spec)
    for certificate in platform.of("Certificate"):
        spec = certificate.object["spec"]
        found[certificate.namespace, spec["secretName"]] |= of_certificate(platform, spec)
    return dict(found)


def of_external(spec: dict) -> set[str]:
    """A template's data are instead of what was fetched, unless it merges them."""
    template = spec["target"].get("template", {})
    fetched, made = {entry["secretKey"] for entry in spec.get("data", [])}, set(template.get("data", {}))
    return made if made and template.get("mergePolicy") != "Merge" else fetched | made


def of_certificate(platform: Platform, spec: dict) -> set[str]:
    """An ACME server gives no authority with its certificates."""
    issuer = platform.find("ClusterIssuer", None, spec["issuerRef"]["name"])
    authority = set() if issuer and "acme" in issuer.object["spec"] else {"ca.crt"}
    return {"tls.crt", "tls.key"} | authority


def named(platform: Platform) -> Iterator[tuple[Rendered, str, str, str, list[str]]]:
    """Who names a Secret: the object, the namespace, the field, the Secret's name, the keys that are read."""
    for workload in platform.of(*WORKLOADS):
        for field, name, keys in references(pod_spec(workload)):
            yield workload, workload.namespace, field, name, keys
    for policy in platform.of("AgentgatewayPolicy", "AgentgatewayBackend"):
        for field, name, keys in references(policy.object["spec"], "spec"):
            yield policy, policy.namespace, field, name, keys
    for app, source in sources(platform):
        values = source["helm"].get("valuesObject", {})
        for field, name, keys in (*references(values), *of_argo_cd(values)):
            yield app, app.object["spec"]["destination"]["namespace"], field, name, keys


def references(value: object, path: str = "") -> Iterator[tuple[str, str, list[str]]]:
    """Each Secret that is named in here, whatever it is a part of: the field, the name, the keys."""
    if isinstance(value, list):
        for number, entry in enumerate(value):
            label = entry.get("name", number) if isinstance(entry, dict) else number
            yield from references(entry, f"{path}[{label}]")
    if not isinstance(value, dict):
        return
    for field, inside in value.items():
        here = f"{path}.{field}" if path else field
        if field == "secretKeyRef":
            yield here, inside["name"], [inside["key"]]
        if field == "secretName":
            yield here, inside, [item["key"] for item in value.get("items", [])]
        if field == "secretRef":
            yield here, inside.get("name"), [ADDED] if path.endswith(".auth") else []
        if field == "existingSecret":
            beside = [value[one] for one in ("userKey", "passwordKey") if one in value]
            yield here, inside, beside + value.get("requiredSecretKeys", [])
        yield from references(inside, here)


def of_argo_cd(values: dict) -> Iterator[tuple[str, str, list[str]]]:
    """Argo CD looks up `$secret:key` wherever its configuration has it."""
    for entry, text in values.get("configs", {}).get("cm", {}).items():
        for name, key in LOOKED_UP.findall(str(text)):
            yield f"configs.cm.{entry}", name, [key]


def keys_are_named(platform: Platform) -> Iterator[str]:
    """Who reads a Secret is held to its keys, so they have to be written down."""
    for external in platform.of("ExternalSecret"):
        spec = external.object["spec"]
        for field, owner in (("dataFrom", spec), ("target.template.templateFrom", spec["target"].get("template", {}))):
            if field.rpartition(".")[2] in owner:
                yield f"{external}: spec.{field}: it does not say which keys it brings"


def secrets_are_not_written_down(platform: Platform) -> Iterator[str]:
    for rendered in platform.of("Secret"):
        yield f"{rendered}: a Secret in Git: let an ExternalSecret bring it"
    for workload in platform.of(*WORKLOADS):
        for container in pod_spec(workload)["containers"]:
            for variable in container.get("env", []):
                if SECRET_NAMES.search(variable["name"]) and "value" in variable:
                    yield f"{workload}: env[{variable['name']}]: a secret's value is written down"
            for argument in container.get("args", []):
                if re.search(r"(api-key|token|password|secret)=\S", argument):
                    yield f"{workload}: args: {argument.partition('=')[0]}: a secret's value is written down"
    for store in platform.of("ClusterSecretStore"):
        if "fake" in store.object["spec"]["provider"]:
            yield f"{store}: spec.provider.fake: secrets written down"


CHECKS = [named_secrets_are_brought, keys_are_named, secrets_are_not_written_down]
