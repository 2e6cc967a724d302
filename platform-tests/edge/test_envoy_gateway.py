"""The overlay for Envoy Gateway: its objects by Envoy Gateway's own schemas, and what Envoy Gateway's
own translation makes of them, in a real Envoy with the module.

Not as in a pod: folders and ports, the listener's certificate, and that the translation's result is
a file instead of a stream from a management server."""

import base64
import contextlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from checks import strict_schemas
from harness import forks, mounts, rendering, running_edge, stand_in_gateway, stand_in_model
from harness.authority import Authority
from harness.platforms import ROOT
from harness.processes import envoy, eventually, free_ports
from harness.running_edge import Edge
from upstream import definitions

OVERLAY = "manifests/overlays/envoy-gateway"
MODULE = {"module": "github.com/envoyproxy/gateway", "version": "v1.8.3", "sum": "h1:RY8DKli7Z1w3WuMwbA8J5j2sriIxXTWjVv1Bk77nbHo="}
DEFINITIONS = "charts/gateway-helm/charts/crds/crds/generated/*.yaml"


def built(root: Path) -> list[dict]:
    """The overlay as Argo CD builds it."""
    command = [rendering.program("kubectl"), "kustomize", root / OVERLAY]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(text))


def documented() -> list[dict]:
    """The Applications that the README shows, and their fence."""
    text = (ROOT / OVERLAY / "README.md").read_text()
    return list(yaml.safe_load_all(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1]))


def validator(document: dict):
    group, _, version = document["apiVersion"].rpartition("/")
    for definition in definitions.read(definitions.module(MODULE), DEFINITIONS):
        if (definition["spec"]["group"], definition["spec"]["names"]["kind"]) == (group, document["kind"]):
            return strict_schemas.custom(definition, version)
    return strict_schemas.schema(document["apiVersion"], document["kind"])


def test_no_object_has_a_field_that_its_kind_has_not():
    objects = built(ROOT) + documented()
    found = [f"{each['kind']}: {error.instance_path}: {error.message}" for each in objects for error in validator(each).iter_errors(each)]
    assert found == [] and len(objects) == 11


def test_what_is_generated_is_current():
    done = subprocess.run([sys.executable, ROOT / "scripts/envoy-gateway", "--check", "laptop"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_chart_takes_the_values(tmp_path):
    """The real chart, out of the same module; its own build writes the image's name into its values."""
    kinds = {each["kind"]: each for each in documented() if each["metadata"]["name"] == "envoy-gateway"}
    application, project = kinds["Application"], kinds["AppProject"]
    source = application["spec"]["sources"][0]
    assert source["targetRevision"] == MODULE["version"]
    chart = tmp_path / "chart"
    shutil.copytree(definitions.module(MODULE) / "charts/gateway-helm", chart)
    subprocess.run(["chmod", "-R", "u+w", chart], check=True)
    template = (chart / "values.tmpl.yaml").read_text()
    values = template.replace("${GatewayImage}", "docker.io/envoyproxy/gateway:v1.8.3").replace("${GatewayImagePullPolicy}", "IfNotPresent")
    (chart / "values.yaml").write_text(values)
    (tmp_path / "ours.yaml").write_text(yaml.safe_dump(source["helm"]["valuesObject"]))
    namespace = application["spec"]["destination"]["namespace"]
    objects = rendering.helm(tmp_path, "envoy-gateway", "chart", ["ours.yaml"], "envoy-gateway", 1)
    allowed = {(each["group"], each["kind"]) for each in project["spec"]["clusterResourceWhitelist"]}
    made = {(each.group, each.kind) for each in objects if definitions.is_cluster_scoped(each.group, each.kind)}
    assert application["spec"]["project"] == "envoy-gateway" and allowed == made | {("", "Namespace")}
    assert project["spec"]["destinations"] == [application["spec"]["destination"]]
    assert namespace == "envoy-gateway-system" and "CustomResourceDefinition" not in {each.kind for each in objects}
    [config] = [each.object for each in objects if (each.kind, each.name) == ("ConfigMap", "envoy-gateway-config")]
    config = yaml.safe_load(config["data"]["envoy-gateway.yaml"])
    assert config["extensionApis"] == {"enableEnvoyPatchPolicy": True}
    assert config["provider"]["kubernetes"]["deploy"] == {"type": "GatewayNamespace"}


def translated(folder: Path, objects: list[dict], certificate: dict[str, str]) -> dict:
    """What `egctl` makes of the overlay and the Secret that it names, with the status of each object."""
    data = {name: base64.b64encode(text.encode()).decode() for name, text in certificate.items()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "front-door", "namespace": "edge"}}
    (folder / "objects.yaml").write_text(yaml.safe_dump_all([*objects, secret | {"type": "kubernetes.io/tls", "data": data}]))
    command = [rendering.program("egctl"), "experimental", "translate", "--from", "gateway-api", "--to", "gateway-api,xds"]
    done = subprocess.run([*command, "--output", "json", "--file", folder / "objects.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """An Envoy with what Envoy Gateway makes of the overlay, the stand-ins behind it, and a key."""
    folder = tmp_path_factory.mktemp("envoy-gateway")
    # All that the edge's ConfigMap names.
    names = [*running_edge.PORTS.values(), "llm", "model", "platform"]
    edge = Edge(folder, dict(zip(names, free_ports(len(names)), strict=True)), Authority(folder, "platform-authority"))
    certificate = edge.authority.secret("front-door", 3, running_edge.API)
    mounts.write(folder / "front-door", certificate)
    mounts.write(folder / "tls", edge.authority.secret("tollgate-edge", 2))
    platform, secret = forks.with_key(tmp_path_factory.mktemp("fork"))
    edge.mount(running_edge.config_map(platform))
    config = json.dumps(bootstrap(translated(folder, built(ROOT), certificate), edge))
    (folder / "bootstrap.json").write_text(config.replace('"/etc/tollgate', f'"{folder}/tollgate'))
    with contextlib.ExitStack() as stack:
        stack.callback(stand_in_model.serve(edge.ports["model"]).shutdown)
        stack.enter_context(running_edge.gateway(edge, "llm", running_edge.LLM, "model"))
        stack.enter_context(envoy("envoy", folder / "bootstrap.json", folder))
        eventually(lambda: answers(edge))
        yield edge, secret


def answers(edge: Edge) -> bool:
    with contextlib.suppress(OSError):
        return edge.chat("hello", None)[0] == 401
    return False


def bootstrap(result: dict, edge: Edge) -> dict:
    """The translation as a file: what would be asked of a management server is written into it."""
    dumps = {each["@type"].rpartition(".")[2]: each for each in snake(result["xds"])["edge/tollgate"]["configs"]}
    listener = patched_listener(result)
    [chain] = listener["filter_chains"]
    manager = chain["filters"][0]["typed_config"]
    del manager["rds"]
    manager["route_config"] = plain(dumps["RoutesConfigDump"]["dynamic_route_configs"][0]["route_config"])
    tls = chain["transport_socket"]["typed_config"]["common_tls_context"]
    del tls["tls_certificate_sds_secret_configs"]
    place = edge.folder / "front-door"
    tls["tls_certificates"] = [{"certificate_chain": {"filename": f"{place}/tls.crt"}, "private_key": {"filename": f"{place}/tls.key"}}]
    listener["address"] = stand_in_gateway.address(edge.ports["https"])
    ours = dumps["BootstrapConfigDump"]["bootstrap"]
    return {
        "node": {"id": "test", "cluster": "test"},
        "admin": {"address": stand_in_gateway.address(edge.ports["admin"])},
        "static_resources": {"listeners": [listener], "clusters": clusters(result, edge)},
        "stats_config": ours["stats_config"],
        "overload_manager": ours["overload_manager"],
    }


def patched_listener(result: dict) -> dict:
    configs = snake(result["xds"])["edge/tollgate"]["configs"]
    [dump] = [each for each in configs if each["@type"].endswith(".ListenersConfigDump")]
    listeners = [plain(each["active_state"]["listener"]) for each in dump["dynamic_listeners"]]
    [listener] = [each for each in listeners if each["name"] == "edge/tollgate/api"]
    return listener


def clusters(result: dict, edge: Edge) -> list[dict]:
    """With the stand-in's address. Names stay as they are printed, which Envoy reads as well."""
    [dump] = [each for each in result["xds"]["edge/tollgate"]["configs"] if each["@type"].endswith(".ClustersConfigDump")]
    text = json.dumps([plain(each["cluster"]) for each in dump["dynamicActiveClusters"]])
    address = json.dumps({"address": running_edge.LLM, "portValue": 8443})
    assert text.count(address) == 1
    return json.loads(text.replace(address, json.dumps({"address": "127.0.0.1", "portValue": edge.ports["llm"]})))


def plain(resource: dict) -> dict:
    """Out of an `Any`."""
    return {field: value for field, value in resource.items() if field != "@type"}


def snake(value):
    """JSON with its fields' names as the manifests have them."""
    if isinstance(value, list):
        return [snake(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key).lower(): snake(item) for key, item in value.items()}


def written(value):
    """JSON as Protocol Buffers print it: large numbers as text."""
    if isinstance(value, list):
        return [written(item) for item in value]
    if isinstance(value, dict):
        return {key: written(item) for key, item in value.items()}
    return value if value is None or isinstance(value, bool) else str(value)


def test_envoy_gateway_takes_every_patch_of_the_listener(tmp_path):
    """One that it can't read it leaves out, and applies the others."""
    authority = Authority(tmp_path, "platform-authority")
    result = translated(tmp_path, built(ROOT), authority.secret("front-door", 3, running_edge.API))
    manager = written(patched_listener(result)["filter_chains"][0]["filters"][0]["typed_config"])
    [policy] = [each for each in built(ROOT) if each["kind"] == "EnvoyPatchPolicy"]
    patches = [each["operation"] for each in policy["spec"]["jsonPatches"] if each["type"].endswith(".Listener")]
    lost = []
    for patch in patches:
        field, _, index = patch["path"].removeprefix("/").partition("/")
        found = manager[field][int(index)] if index else manager[field]
        if found != written(patch["value"]):
            lost.append((field, found))
    assert lost == [] and len(patches) > 10


def test_no_one_passes_without_a_key(gateway):
    edge, _ = gateway
    status, body = edge.chat("hello", None)
    assert (status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key")


def test_a_key_passes_and_nobody_says_who_they_are(gateway):
    edge, key = gateway
    headers, body = running_edge.chat("The capital of France?", key)
    headers |= {"x-openwebui-user-email": "someone@example.com", "x-auth-request-user": "admin"}
    status, _, answer = edge.ask("POST", "/v1/chat/completions", headers, body)
    assert (status, json.loads(answer)["choices"][0]["message"]["content"]) == (200, "Paris")
    # As the gateway sees our own edge: its certificate, the model, no key, no user.
    seen = "serial=02 model=qwen2.5-0.5b-instruct authorization=- user=- signed-in=-\n"
    eventually(lambda: edge.log("llm-access") == seen)


def test_what_a_request_used_is_told(gateway):
    edge, key = gateway
    edge.chat("hello", key)
    eventually(lambda: '"outcome":"ok"' in edge.log("envoy"))
    told = [json.loads(line) for line in edge.log("envoy").splitlines() if line.startswith("{")]
    assert {line["schema"] for line in told} == {"tollgate.access.v1"}
    assert ("ok", "me", "qwen2.5-0.5b-instruct") in {(line["outcome"], line["key"], line["model_served"]) for line in told}
