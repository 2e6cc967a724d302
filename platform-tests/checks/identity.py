"""Whether people can sign in, and only so: Dex's clients, their secrets and hosts, groups and teams,
tokens before tools.

Each check takes a rendered cluster and returns its findings, each with the file and the field."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from checks.front_door import hosts, routes_to_people
from checks.request_path import policy
from harness.rendering import Platform, Rendered

SECRET = re.compile(r"secret|password|pw$", re.IGNORECASE)


def values_of(platform: Platform, application: str) -> tuple[Rendered, dict] | None:
    """What an Application tells the chart that it brings."""
    app = platform.find("Application", "argocd", application)
    if app is None:
        return None
    return app, next(source["helm"]["valuesObject"] for source in app.object["spec"]["sources"] if "chart" in source)


def clients_return_to_routed_hosts(platform: Platform) -> Iterator[str]:
    dex = values_of(platform, "dex")
    for client in dex[1]["config"]["staticClients"] if dex else []:
        field = f"{dex[0]}: config.staticClients[{client['id']}].redirectURIs"
        if client.get("public"):
            if client.get("redirectURIs"):
                yield f"{field}: a client without a secret returns to the machine that a person sits at, and nowhere else"
            continue
        for uri in client.get("redirectURIs", []):
            parts = urlsplit(uri)
            if parts.scheme != "https" or parts.hostname not in hosts(platform):
                yield f"{field}: no route takes {parts.scheme}://{parts.hostname}"


def the_issuer_is_one(platform: Platform) -> Iterator[str]:
    """Everything that knows an issuer knows Dex's, which is a routed host."""
    dex = values_of(platform, "dex")
    if dex is None:
        return
    issuer = dex[1]["config"]["issuer"]
    if urlsplit(issuer).hostname not in hosts(platform):
        yield f"{dex[0]}: config.issuer: no route takes {issuer}"
    for owner, field, other in issuers(platform):
        if other != issuer:
            yield f"{owner}: {field}: {other} is not Dex's issuer, {issuer}"


def issuers(platform: Platform) -> Iterator[tuple[Rendered, str, str]]:
    if proxy := values_of(platform, "oauth2-proxy"):
        for provider in proxy[1]["alphaConfig"]["configData"]["providers"]:
            yield proxy[0], f"alphaConfig.configData.providers[{provider['id']}].oidcConfig", provider["oidcConfig"]["issuerURL"]
    argocd = values_of(platform, "argocd")
    for line in argocd[1]["configs"]["cm"].get("oidc.config", "").splitlines() if argocd else []:
        if line.startswith("issuer:"):
            yield argocd[0], "configs.cm.oidc.config", line.partition(": ")[2]
    for rule in platform.of("AgentgatewayPolicy"):
        for provider in rule.object["spec"].get("traffic", {}).get("jwtAuthentication", {}).get("providers", []):
            yield rule, "spec.traffic.jwtAuthentication", provider["issuer"]
    for workload in platform.of("Deployment"):
        for container in workload.object["spec"]["template"]["spec"]["containers"]:
            for variable in container.get("env", []):
                if variable["name"] == "OPENID_PROVIDER_URL":
                    yield workload, "env[OPENID_PROVIDER_URL]", variable["value"].removesuffix("/.well-known/openid-configuration")


def secrets_come_from_the_store(platform: Platform) -> Iterator[str]:
    """Dex is told no secret, and each variable that it reads one from is set."""
    dex = values_of(platform, "dex")
    if dex is None:
        return
    app, values = dex
    for client in values["config"]["staticClients"]:
        if "secret" in client:
            yield f"{app}: config.staticClients[{client['id']}].secret: a secret's value is written down"
    for connector in values["config"]["connectors"]:
        for key, value in connector["config"].items():
            if SECRET.search(key) and not str(value).startswith("$"):
                yield f"{app}: config.connectors[{connector['id']}].config.{key}: a secret's value is written down"
    variables = {variable["name"] for variable in values["envVars"]}
    for client in values["config"]["staticClients"]:
        if not client.get("public") and client.get("secretEnv") not in variables:
            yield f"{app}: config.staticClients[{client['id']}].secretEnv: nothing sets {client.get('secretEnv')}"


def both_sides_have_one_secret(platform: Platform) -> Iterator[str]:
    """A client's secret is in the store once: Dex reads what the client reads."""
    at_dex = set()
    elsewhere = {}
    for external in platform.of("ExternalSecret"):
        for entry in external.object["spec"].get("data", []):
            key = entry["remoteRef"]["key"]
            if key.endswith("-client"):
                if external.name == "dex-clients":
                    at_dex.add(key)
                else:
                    elsewhere[key] = external
    for key, external in elsewhere.items():
        if key not in at_dex:
            yield f"{external}: spec.data: Dex does not know {key}"


def groups_are_of_teams(platform: Platform) -> Iterator[str]:
    teams = {f"{team['organization']}/{team['name']}" for team in policy(platform).get("teams", [])}
    for group, may in platform.values["identity"]["groups"].items():
        if "team" in may and may["team"] not in teams:
            config = platform.config_file
            yield f"{config}: identity.groups[{group}].team: the rule files have no team {may['team']}"


def someone_is_let_in(platform: Platform) -> Iterator[str]:
    """oauth2-proxy without groups lets everyone in whom Dex knows."""
    proxy = values_of(platform, "oauth2-proxy")
    for provider in proxy[1]["alphaConfig"]["configData"]["providers"] if proxy else []:
        if not provider.get("allowedGroups"):
            yield f"{proxy[0]}: alphaConfig.configData.providers[{provider['id']}].allowedGroups: none: everyone is let in"


def tools_ask_for_a_token(platform: Platform) -> Iterator[str]:
    """Each route to MCP servers has a policy that refuses who has no token, and the servers' own rules
    grant by what the token says."""
    for backend in platform.of("AgentgatewayBackend"):
        if "mcp" not in backend.object["spec"]:
            continue
        rules = backend.object["spec"].get("policies", {}).get("mcp", {}).get("authorization", {})
        if rules.get("action") != "Allow":
            yield f"{backend}: spec.policies.mcp.authorization: no rule allows, so all is allowed"
        for rule in rules.get("policy", {}).get("matchExpressions", []):
            if "jwt." not in rule or "mcp.tool.name" not in rule:
                yield f"{backend}: spec.policies.mcp.authorization: `{rule}` grants whoever comes, or every tool"
        for route in routes_to_people(platform):
            if leads_to(route, backend) and not [one for one in platform.of("AgentgatewayPolicy") if asks(one, route)]:
                yield f"{route}: no AgentgatewayPolicy refuses who has no token of the issuer for it"


def leads_to(route: Rendered, backend: Rendered) -> bool:
    references = [one for rule in route.object["spec"]["rules"] for one in rule["backendRefs"]]
    return any((one.get("kind"), one["name"]) == (backend.kind, backend.name) for one in references)


def asks(rule: Rendered, route: Rendered) -> bool:
    spec = rule.object["spec"]
    targets = [(target["kind"], target["name"]) for target in spec.get("targetRefs", [])]
    asked = spec.get("traffic", {}).get("jwtAuthentication", {})
    strict = asked.get("mode", "Strict") == "Strict" and all(one.get("audiences") for one in asked.get("providers", []))
    return rule.namespace == route.namespace and (route.kind, route.name) in targets and bool(asked) and strict


CHECKS = [
    clients_return_to_routed_hosts,
    the_issuer_is_one,
    secrets_come_from_the_store,
    both_sides_have_one_secret,
    groups_are_of_teams,
    someone_is_let_in,
    tools_ask_for_a_token,
]
