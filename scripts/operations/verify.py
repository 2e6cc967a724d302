"""`make smoke` and `make verify`: whether a cluster does what it is for, seen from outside.

Each check is a line, and says what it saw where it fails."""

import json
import time
from collections.abc import Callable, Iterator

from operations import isolation, revisions, sign_in
from operations.edge import Answer, Edge, forwarded
from operations.kube import Kube
from operations.session import Refusal, Session
from operations.stores import store_of
from operations.wait import unfinished
from platform_manifests import cluster_config

# A check's name, and what is wrong, or '' where nothing is.
Finding = tuple[str, str]

PAUSE = 10

# What a dry run says of it.
APPLICATIONS = "kubectl get applications"
FORWARDED = "to the edge, by kubectl port-forward"
PROBES = "kubectl apply, for a pod each in two namespaces; kubectl exec, for what it may reach; kubectl delete"


def smoke(session: Session) -> int:
    """The platform stands, and lets nobody in without a key."""
    return run(session, lambda kube: [*delivered(kube), *closed(kube)], f"{APPLICATIONS}; a request without a key {FORWARDED}")


def verify(session: Session) -> int:
    """All of it, end to end."""

    def checks(kube: Kube) -> Iterator[Finding]:
        yield from delivered(kube)
        yield from revisions.findings(kube)
        yield from requests(kube)
        yield from isolation.findings(kube)
        yield from sign_in.findings(session)

    return run(session, checks, f"{APPLICATIONS}; git ls-remote; requests with keys of the store {FORWARDED}; {PROBES}; the sign-in's pages")


def verify_isolation(session: Session) -> int:
    """Only what network policies refuse."""
    return run(session, isolation.findings, PROBES)


def run(session: Session, checks: Callable[[Kube], Iterator[Finding]], shown: str) -> int:
    """Each check as a line; a dry run shows what would be asked."""
    kube = Kube(session)
    if session.dry_run:
        print(f"+ {shown}")
        return 0
    failed = 0
    for name, wrong in checks(kube):
        print(f"{'FAIL' if wrong else 'ok  '} {name}{': ' + wrong if wrong else ''}", flush=True)
        failed += bool(wrong)
    print(f"{failed} failed" if failed else "all well")
    return 1 if failed else 0


def delivered(kube: Kube) -> Iterator[Finding]:
    yield "every Application is synced and healthy", "; ".join(unfinished(kube))


def closed(kube: Kube) -> Iterator[Finding]:
    with forwarded(kube) as edge:
        yield "without a key nobody is let in", expect(edge.get("/v1/models"), 401)


def requests(kube: Kube) -> Iterator[Finding]:
    store = store_of(kube.session, kube)
    keys = {name: (store.read(f"tollgate-key-{name}") or {}).get("api-key") for name in ("verify", "verify-spent")}
    if not all(keys.values()):
        raise Refusal(f"the keys that this takes are missing: make seed-secrets CLUSTER={kube.session.cluster}")
    with forwarded(kube) as edge:
        yield from asked(edge, keys["verify"], keys["verify-spent"], kube.session.values["models"])


def asked(edge: Edge, key: str, spent: str, servers: dict[str, dict]) -> Iterator[Finding]:
    """What a client meets: with a key, without one, with a wrong one, with one whose budget is spent. `servers`
    are the cluster's models, as its values have them."""
    yield "without a key nobody is let in", expect(edge.get("/v1/models"), 401)
    yield "a key that nobody made is refused", expect(edge.chat("any", "sk-nobody"), 401)
    offered = edge.get("/v1/models", key)
    yield "a key is let in", expect(offered, 200)
    models = names(offered)
    for model in models:
        yield f"{model} answers", expect(awake(edge, model, key, cold_start(servers, model)), 200)
    # The first request may be the one that its limit allows.
    edge.chat(models[0], spent)
    yield "a spent budget refuses", expect(edge.chat(models[0], spent), 429)


def awake(edge: Edge, model: str, key: str, seconds: float) -> Answer:
    """Its answer; one that sleeps is asked again, for as long as it may take to wake."""
    deadline = time.monotonic() + seconds
    answer = edge.chat(model, key)
    if answer.code == "model_waking":
        print(f"     {model} sleeps: it is asked again, for {seconds:g} s at most", flush=True)
    while answer.code == "model_waking" and time.monotonic() < deadline:
        time.sleep(min(PAUSE, seconds))
        answer = edge.chat(model, key)
    return answer


def cold_start(servers: dict[str, dict], model: str) -> int:
    """Of the server of this name; a model that the rules call otherwise may be any of them."""
    seconds = {name: cluster_config.cold_start(server) for name, server in servers.items()}
    return seconds.get(model) or max(seconds.values(), default=0)


def names(offered: Answer) -> list[str]:
    """What the edge offers, by the models' own names."""
    try:
        return [model["id"] for model in json.loads(offered.body)["data"]]
    except (ValueError, KeyError):
        raise Refusal(f"/v1/models has no list of models: {offered}") from None


def expect(answer: Answer, status: int) -> str:
    return "" if answer.status == status else f"{answer}, and {status} is expected"
