"""Whether a request finds its way: name in the policy, route, pool, picker, pod.

Each check takes a rendered cluster and returns its findings, each with the file and the field."""

import re
from collections.abc import Iterator

from checks.charts import leaves
from checks.cross_checks import container_ports, pod_spec, selected_by
from harness import forks
from harness.rendering import Platform, Rendered
from platform_manifests import edge_config

HINT = "x-gateway-model-name"
# The Gateway that requests for models pass; people's pass another (front_door.py).
GATEWAY = "llm"
# What an AgentgatewayPolicy may do before a model.
MAY_DO = {("backend", "auth", "secretRef", "name")}
# Where a stream runs through a pod of ours.
STREAMING = ("edge", "serving")


def routes_to_models(platform: Platform) -> list[Rendered]:
    routes = platform.of("HTTPRoute")
    return [route for route in routes if any(parent["name"] == GATEWAY for parent in route.object["spec"]["parentRefs"])]


def routes_reach_a_pool(platform: Platform) -> Iterator[str]:
    """One rule, one pool: weights and rewrites would make a second owner of the canary."""
    for route in routes_to_models(platform):
        for number, rule in enumerate(route.object["spec"]["rules"]):
            field = f"{route}: spec.rules[{number}]"
            backends = rule.get("backendRefs", [])
            if len(backends) != 1:
                yield f"{field}.backendRefs: {len(backends)} backends: the policy at the edge splits traffic, no route"
            for backend in backends:
                if "weight" in backend:
                    yield f"{field}.backendRefs: weight: the policy at the edge splits traffic, no route"
                if backend.get("kind") != "InferencePool":
                    yield f"{field}.backendRefs: {backend.get('kind', 'Service')} is no InferencePool"
                elif platform.find("InferencePool", backend.get("namespace", route.namespace), backend["name"]) is None:
                    yield f"{field}.backendRefs: there is no InferencePool {backend['name']}"
            for filter_ in rule.get("filters", []):
                yield f"{field}.filters: {filter_['type']}: routes change nothing"
            if not rule.get("timeouts", {}).get("request"):
                yield f"{field}.timeouts.request: none: the proxy's own would cut streams"
            for match in rule["matches"]:
                yield from match_is_narrow(field, match)
    for rewrite in platform.of("InferenceModelRewrite"):
        yield f"{rewrite}: the edge has priced the model that it names: nothing below may change it"


def policies_change_no_request(platform: Platform) -> Iterator[str]:
    """On the way to a model agentgateway does what is listed here: a transformation, a header, an alias of a
    model would send elsewhere what the edge has priced."""
    for policy in platform.of("AgentgatewayPolicy"):
        if on_the_way(platform, policy):
            spec = policy.object["spec"]
            for field, _ in leaves({part: spec[part] for part in spec if part not in ("targetRefs", "targetSelectors")}):
                if field not in MAY_DO:
                    yield f"{policy}: spec.{'.'.join(field)}: it is none of what a policy may do on the way to a model"


def on_the_way(platform: Platform, policy: Rendered) -> bool:
    """One that selects its targets by label may find any."""
    routes = {(route.namespace, route.name) for route in routes_to_models(platform)}
    targets = policy.object["spec"].get("targetRefs", [])
    ours = [
        target["kind"] == "InferencePool"
        or (target["kind"], target["name"]) == ("Gateway", GATEWAY)
        or (target["kind"] == "HTTPRoute" and (policy.namespace, target["name"]) in routes)
        for target in targets
    ]
    return any(ours) or "targetSelectors" in policy.object["spec"]


def match_is_narrow(field: str, match: dict) -> Iterator[str]:
    path = match.get("path", {})
    if path.get("type") != "Exact" or not path.get("value", "").startswith("/v1/"):
        yield f"{field}.matches: path {path.get('value', '/')}: only paths below /v1, each by name, are guarded by the key"
    if not [header for header in match.get("headers", []) if header["name"] == HINT and header.get("type", "Exact") == "Exact"]:
        yield f"{field}.matches: no {HINT}: it would take requests for every model"


def every_path_of_the_edge_is_taken(platform: Platform) -> Iterator[str]:
    """What the module sends on, and nothing else: a server's other paths ask for no key."""
    source = (forks.ROOT / "crates/core/src/api.rs").read_text()
    sent = set(re.findall(r'\("(/v1/[a-z_/]+)", Api::', source))
    for route in routes_to_models(platform):
        taken = {match["path"]["value"] for rule in route.object["spec"]["rules"] for match in rule["matches"]}
        for path in sorted(sent - taken):
            yield f"{route}: spec.rules.matches: no route takes {path}"
        for path in sorted(taken - sent):
            yield f"{route}: spec.rules.matches: {path} is none that the edge sends"


def routes_have_a_listener(platform: Platform) -> Iterator[str]:
    for route in platform.of("HTTPRoute"):
        for parent in route.object["spec"]["parentRefs"]:
            gateway = platform.find("Gateway", parent.get("namespace", route.namespace), parent["name"])
            if gateway is None:
                yield f"{route}: spec.parentRefs: there is no Gateway {parent['name']}"
                continue
            listeners = {listener["name"]: listener for listener in gateway.object["spec"]["listeners"]}
            listener = listeners.get(parent.get("sectionName"))
            if listener is None:
                yield f"{route}: spec.parentRefs: Gateway {parent['name']} has no listener {parent.get('sectionName')}"
                continue
            wanted = listener["allowedRoutes"]["namespaces"]["selector"]["matchLabels"]
            if not wanted.items() <= labels_of(platform, route.namespace).items():
                yield f"{route}: metadata.namespace: Gateway {parent['name']} takes no routes from {route.namespace}"


def labels_of(platform: Platform, name: str) -> dict[str, str]:
    namespace = platform.find("Namespace", None, name)
    own = namespace.object["metadata"].get("labels", {}) if namespace else {}
    return own | {"kubernetes.io/metadata.name": name}


def pools_have_pods_and_a_picker(platform: Platform) -> Iterator[str]:
    for pool in platform.of("InferencePool"):
        spec = pool.object["spec"]
        servers = selected_by(platform, pool.namespace, spec["selector"]["matchLabels"])
        if len(servers) != 1:
            yield f"{pool}: spec.selector: {len(servers)} workloads have these labels"
        for server in servers:
            for port in spec["targetPorts"]:
                if port["number"] not in container_ports(server)[1]:
                    yield f"{pool}: spec.targetPorts: {server.name} has no port {port['number']}"
        reference = spec["endpointPickerRef"]
        service = platform.find("Service", pool.namespace, reference["name"])
        if service is None:
            yield f"{pool}: spec.endpointPickerRef: there is no Service {reference['name']}"
        elif reference["port"]["number"] not in {port["port"] for port in service.object["spec"]["ports"]}:
            yield f"{pool}: spec.endpointPickerRef.port: Service {service.name} has no port {reference['port']['number']}"
        if reference.get("failureMode") != "FailClose":
            yield f"{pool}: spec.endpointPickerRef.failureMode: without its picker a pool must refuse"
        yield from picker_knows_its_pool(platform, pool, reference["name"])


def picker_knows_its_pool(platform: Platform, pool: Rendered, name: str) -> Iterator[str]:
    picker = platform.find("Deployment", pool.namespace, name)
    arguments = pod_spec(picker)["containers"][0]["args"] if picker else []
    if picker and f"--pool-name={pool.name}" not in arguments:
        yield f"{picker}: args: no --pool-name={pool.name}"


def models_are_served(platform: Platform) -> Iterator[str]:
    """Each name that the policy sends is served by one model server and matched by one route."""
    served = {name for server in platform.of("Deployment") for name in served_names(server)}
    matched = {}
    for route in routes_to_models(platform):
        for value in hinted(route):
            if value in matched:
                yield f"{route}: {value} is matched by {matched[value].name} too"
            matched[value] = route
    for model in policy(platform)["models"]:
        for target in model["targets"]:
            field = f"{rules(platform)}: module.json: model {model['name']}, target {target['name']}"
            if target["model"] not in served:
                yield f"{field}: no model server serves {target['model']}"
            if target["model"] not in matched:
                yield f"{field}: no route matches {target['model']}"
    for value, route in matched.items():
        if value not in served:
            yield f"{route}: {HINT} {value}: no model server serves it"


def contexts_agree(platform: Platform) -> Iterator[str]:
    """A reservation's worst case is the `context` of the rules: less than what the server takes is money lost."""
    for model in policy(platform)["models"]:
        for target in model["targets"]:
            served = platform.values["models"].get(target["model"], {}).get("contextLength")
            if served and "context" in model and model["context"] != served:
                field = f"{rules(platform)}: module.json: model {model['name']}, context"
                yield f"{field}: {model['context']}, and {target['model']} takes {served} tokens"


def objectives_resolve(platform: Platform) -> Iterator[str]:
    """A picker knows the objectives of its own pool alone; another name is no priority at all."""
    pools = {}
    for route in routes_to_models(platform):
        for value in hinted(route):
            pools[value] = {backend["name"] for rule in route.object["spec"]["rules"] for backend in rule["backendRefs"]}
    for model in policy(platform)["models"]:
        if "objective" not in model:
            continue
        field = f"{rules(platform)}: module.json: model {model['name']}"
        found = platform.find("InferenceObjective", "serving", model["objective"])
        if found is None:
            yield f"{field}: there is no InferenceObjective {model['objective']}"
            continue
        for target in model["targets"]:
            if pools.get(target["model"]) != {found.object["spec"]["poolRef"]["name"]}:
                yield f"{field}: its objective is not of {target['model']}'s pool"


def hinted(route: Rendered) -> set[str]:
    matches = [match for rule in route.object["spec"]["rules"] for match in rule["matches"]]
    return {header["value"] for match in matches for header in match.get("headers", []) if header["name"] == HINT}


def served_names(server: Rendered) -> list[str]:
    arguments = pod_spec(server)["containers"][0].get("args", [])
    return [argument.partition("=")[2] for argument in arguments if argument.startswith("--served-model-name=")]


def rules(platform: Platform) -> Rendered:
    """The ConfigMap that has the rule files, as the edge mounts them."""
    return platform.find("ConfigMap", "edge", "tollgate-edge")


def policy(platform: Platform) -> dict:
    """The compiled rule files."""
    return edge_config.policy(rules(platform).object["data"]["module.json"])


def walls_stand(platform: Platform) -> Iterator[str]:
    """Before each model: a network policy that names its callers, and a key that agentgateway adds."""
    for server in platform.of("Deployment"):
        if not served_names(server):
            continue
        labels = server.object["spec"]["template"]["metadata"]["labels"]
        fenced = False
        for policy in platform.of("NetworkPolicy"):
            selector = policy.object["spec"]["podSelector"].get("matchLabels", {})
            if policy.namespace == server.namespace and selector and selector.items() <= labels.items():
                fenced = True
        if not fenced:
            yield f"{server}: no NetworkPolicy names who may call it"
        variables = {variable["name"] for variable in pod_spec(server)["containers"][0].get("env", [])}
        if "VLLM_API_KEY" not in variables:
            yield f"{server}: env: no VLLM_API_KEY: it would answer everyone who reaches it"
    keyed = {
        reference["name"]
        for policy in platform.of("AgentgatewayPolicy")
        if policy.object["spec"].get("backend", {}).get("auth", {}).get("secretRef")
        for reference in policy.object["spec"]["targetRefs"]
        if reference["kind"] == "InferencePool"
    }
    for pool in platform.of("InferencePool"):
        if pool.name not in keyed:
            yield f"{pool}: no AgentgatewayPolicy adds the key that its servers ask for"
    for gateway in platform.of("Gateway"):
        validation = gateway.object["spec"].get("tls", {}).get("frontend", {}).get("default", {}).get("validation", {})
        if validation.get("mode", "AllowValidOnly") != "AllowValidOnly" or not validation.get("caCertificateRefs"):
            yield f"{gateway}: spec.tls.frontend: it takes callers without a certificate"


def one_edge_counts(platform: Platform) -> Iterator[str]:
    """Several edges would each grant the whole of every limit, unless that was accepted."""
    edge = platform.find("Deployment", "edge", "tollgate-edge")
    if edge is None or not edge_config.limits_anyone(policy(platform)) or platform.values["edge"]["acceptPerReplicaLimits"]:
        return
    if edge.object["spec"].get("replicas") != 1 or edge.object["spec"]["strategy"]["type"] != "Recreate":
        yield f"{edge}: spec.replicas: each replica would grant the whole of every budget"
    for scaler in platform.of("HorizontalPodAutoscaler"):
        if scaler.namespace == "edge":
            yield f"{scaler}: spec.maxReplicas: each replica would grant the whole of every budget"


def the_way_goes_first(platform: Platform) -> Iterator[str]:
    """Where nodes are full, what every request passes is not what waits."""
    first = {one.name for one in platform.of("PriorityClass") if one.object["value"] > 0}
    passed = [one for one in platform.of("Deployment") if one.name == "tollgate-edge" or one.name.endswith("-picker")]
    for one in (*passed, *platform.of("AgentgatewayParameters")):
        spec = one.object["spec"]
        pod = pod_spec(one) if one.kind == "Deployment" else spec["deployment"]["spec"]["template"]["spec"]
        if pod.get("priorityClassName") not in first:
            yield f"{one}: priorityClassName: it goes before no other pod"


CHECKS = [
    the_way_goes_first,
    routes_reach_a_pool,
    policies_change_no_request,
    every_path_of_the_edge_is_taken,
    routes_have_a_listener,
    pools_have_pods_and_a_picker,
    models_are_served,
    contexts_agree,
    objectives_resolve,
    walls_stand,
    one_edge_counts,
]
