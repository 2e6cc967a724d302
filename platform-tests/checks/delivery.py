"""Whether Argo CD can bring a cluster up: waves, owners of CRDs, projects, syncing by itself,
removals that a person confirms, health.

Each check takes a rendered cluster and returns its findings, each with the file and the field."""

from collections.abc import Iterator

from harness.rendering import Platform, Rendered
from upstream import definitions

# Custom kinds that need no health check: why there is nothing to wait for.
NOTHING_TO_WAIT_FOR = {
    "AgentgatewayParameters": "its status is empty; the Gateway that names it tells",
    "AppProject": "Argo CD reads it when it syncs an Application, and answers nothing",
    "InferenceObjective": "the picker reads it, and no controller answers",
    "PodMonitor": "Prometheus' operator reads it, and answers nothing unless a feature gate is on",
    "PrometheusRule": "as a PodMonitor",
    "ReferenceGrant": "it has no status",
    "ResourceFlavor": "it has no status; a ClusterQueue that lacks it is not Active",
    "ServiceMonitor": "as a PodMonitor",
}


def waves_respect_definitions(platform: Platform) -> Iterator[str]:
    """A custom resource comes in a later wave than the Application that brings its kind."""
    waves = {app.name: app.sync_wave for app in platform.of("Application")}
    for rendered in platform.objects:
        definition = definitions.kinds().get((rendered.group, rendered.kind))
        owner = definition and definitions.owners()[definition["metadata"]["name"]]
        if not owner or owner == "argocd":
            continue
        if owner not in waves:
            yield f"{rendered}: no Application brings its kind: {owner} is missing"
        elif waves[owner] >= rendered.wave:
            yield f"{rendered}: wave {rendered.wave} is not after wave {waves[owner]}, which brings its kind"


def waves_are_ordered(platform: Platform) -> Iterator[str]:
    """CRDs before cert-manager, cert-manager before controllers, and so on down to the edge."""
    order = ["foundation", "gateway-api-crds", "cert-manager", "agentgateway", "certificates", "serving", "routing", "edge"]
    waves = {app.name: (app.sync_wave, app) for app in platform.of("Application")}
    present = [name for name in order if name in waves]
    for before, after in zip(present, present[1:], strict=False):
        if waves[before][0] >= waves[after][0]:
            app = waves[after][1]
            yield f"{app}: sync-wave {waves[after][0]} is not after {before}, in wave {waves[before][0]}"


def definitions_have_one_owner(platform: Platform) -> Iterator[str]:
    owned = {}
    for app in platform.of("Application"):
        for document in definitions.by_application().get(app.name, []):
            name = f"{document['kind']} {document['metadata']['name']}"
            if name in owned:
                yield f"{app}: {name} is brought by {owned[name]} too"
            owned[name] = app.name
    for app in platform.of("Application"):
        for source in app.object["spec"]["sources"]:
            if "chart" in source and not source["helm"].get("skipCrds"):
                yield f"{app}: spec.sources: helm.skipCrds is not set: the chart may bring CRDs of its own"


def projects_fence(platform: Platform) -> Iterator[str]:
    """Each Application's project admits its repositories, and its objects' kinds and namespaces."""
    projects = {project.name: project.object["spec"] for project in platform.of("AppProject")}
    apps = {app.name: app for app in platform.of("Application")}
    for app in apps.values():
        spec = projects.get(app.object["spec"]["project"])
        if spec is None:
            yield f"{app}: spec.project: there is no AppProject {app.object['spec']['project']}"
            continue
        for source in app.object["spec"]["sources"]:
            if source["repoURL"] not in spec["sourceRepos"]:
                yield f"{app}: spec.sources: its project does not allow {source['repoURL']}"
    for rendered in platform.objects:
        if rendered.application not in apps:
            continue
        spec = projects.get(apps[rendered.application].object["spec"]["project"], {})
        entry = {"group": rendered.group, "kind": rendered.kind}
        if definitions.is_cluster_scoped(rendered.group, rendered.kind):
            if entry not in spec.get("clusterResourceWhitelist", []):
                yield f"{rendered}: its project does not allow cluster-wide {rendered.kind}"
            continue
        destinations = [destination["namespace"] for destination in spec.get("destinations", [])]
        if rendered.namespace not in destinations and "*" not in destinations:
            yield f"{rendered}: its project does not allow the namespace {rendered.namespace}"
        if "namespaceResourceWhitelist" in spec and entry not in spec["namespaceResourceWhitelist"]:
            yield f"{rendered}: its project does not allow {rendered.kind}"


def fences_are_apart(platform: Platform) -> Iterator[str]:
    """What others publish has a project of its own; what is ours may make only kinds that are listed."""
    own = platform.values["git"]["repository"]
    for project in platform.of("AppProject"):
        spec = project.object["spec"]
        if own not in spec["sourceRepos"]:
            if len(set(spec["sourceRepos"])) > 1 and project.name != "crds":
                yield f"{project}: spec.sourceRepos: one fence for {len(spec['sourceRepos'])} repositories"
            continue
        if spec["sourceRepos"] != [own]:
            yield f"{project}: spec.sourceRepos: others' repositories beside ours"
        if "namespaceResourceWhitelist" not in spec:
            yield f"{project}: spec.namespaceResourceWhitelist is missing: it may make anything in its namespaces"


def unused(platforms: list[Platform], brought: list[Rendered]) -> set[str]:
    """Kinds that a project allows and none of its Applications brings in any of these clusters, by the
    manifests of ours and what is `brought` by others' charts and repositories, as far as they are known."""
    allowed, made = set(), set()
    known = {rendered.application for rendered in brought}
    for platform in platforms:
        apps = {app.name: app.object["spec"] for app in platform.of("Application")}
        for rendered in (*platform.objects, *brought):
            if rendered.application in apps:
                made.add((apps[rendered.application]["project"], rendered.group, rendered.kind))
        for project in platform.of("AppProject"):
            members = [name for name, app in apps.items() if app["project"] == project.name]
            if all(name in known or is_ours(platform, apps[name]) for name in members):
                spec = project.object["spec"]
                entries = spec.get("clusterResourceWhitelist", []) + spec.get("namespaceResourceWhitelist", [])
                allowed |= {(project.name, entry["group"], entry["kind"]) for entry in entries}
    return {f"{project}: {group or 'core'}/{kind}" for project, group, kind in allowed - made}


def is_ours(platform: Platform, app: dict) -> bool:
    return all(source["repoURL"] == platform.values["git"]["repository"] for source in app["sources"])


def applications_heal(platform: Platform) -> Iterator[str]:
    for app in platform.of("Application"):
        policy = app.object["spec"].get("syncPolicy", {})
        if policy.get("automated") != {"prune": True, "selfHeal": True}:
            yield f"{app}: spec.syncPolicy.automated: not pruned and healed by itself"
        if "ServerSideApply=true" not in policy.get("syncOptions", []):
            yield f"{app}: spec.syncPolicy.syncOptions: no ServerSideApply=true"


def removals_are_confirmed(platform: Platform) -> Iterator[str]:
    """What takes others' objects or data with it goes when a person says so, and not before."""
    keepers = list(bring_definitions_or_namespaces(platform))
    for one in (*platform.of("Namespace", "PersistentVolumeClaim"), *keepers):
        options = one.object["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-options", "")
        if set(options.split(",")) != {"Prune=confirm", "Delete=confirm"}:
            yield f"{one}: metadata.annotations: argocd.argoproj.io/sync-options lets it be removed silently: {options or 'none'}"
    for app in keepers:
        if "Prune=confirm" not in app.object["spec"]["syncPolicy"].get("syncOptions", []):
            yield f"{app}: spec.syncPolicy.syncOptions: no Prune=confirm: what it brings may be removed silently"


def bring_definitions_or_namespaces(platform: Platform) -> Iterator[Rendered]:
    """Argo CD's own chart is none: it marks its CRDs itself (`crds.keep`)."""
    bringers = {namespace.application for namespace in platform.of("Namespace")} | set(definitions.owners().values())
    for app in platform.of("Application"):
        if app.name != "argocd" and (app.name in bringers or app.object["spec"]["project"] == "crds"):
            yield app


def health_is_known(platform: Platform) -> Iterator[str]:
    """A kind without a health check counts as healthy at once, and the next wave comes too early."""
    ours = set(argo_cd_settings(platform))
    seen = set()
    for rendered in platform.objects:
        kind = (rendered.group, rendered.kind)
        if kind in seen or kind not in definitions.kinds():
            continue
        seen.add(kind)
        setting = f"resource.customizations.health.{rendered.group}_{rendered.kind}"
        if setting not in ours and kind not in definitions.health_checks() and rendered.kind not in NOTHING_TO_WAIT_FOR:
            yield f"{rendered}: nothing tells when it is healthy: Argo CD has no check of its own, nor is there {setting}"


def argo_cd_settings(platform: Platform) -> dict[str, str]:
    app = platform.find("Application", "argocd", "argocd")
    [source] = app.object["spec"]["sources"]
    return source["helm"]["valuesObject"]["configs"]["cm"]


def written_fields_are_left_alone(platform: Platform) -> Iterator[str]:
    """Where the API server calls a webhook, its controller has written the authority to verify it by."""
    called = {policy.namespace for policy in platform.of("NetworkPolicy") if policy.name == "allow-webhooks"}
    for app in platform.of("Application"):
        spec = app.object["spec"]
        if spec["destination"]["namespace"] in called and any("chart" in source for source in spec["sources"]):
            kinds = {entry["kind"] for entry in spec.get("ignoreDifferences", [])}
            if "ValidatingWebhookConfiguration" not in kinds:
                yield f"{app}: spec.ignoreDifferences: it would take the authority of its webhook away again"


CHECKS = [
    waves_respect_definitions,
    waves_are_ordered,
    definitions_have_one_owner,
    projects_fence,
    fences_are_apart,
    applications_heal,
    removals_are_confirmed,
    health_is_known,
    written_fields_are_left_alone,
]
