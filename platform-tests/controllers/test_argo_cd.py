"""The whole laptop cluster by the real Argo CD, from the root Application in Git to its last wave.

Git, the CRDs and our layers are real; others' charts and what their controllers would report are
stand-ins (fork.py, stand_in_controllers.py)."""

import itertools
import json
import re
import time

import argo_cd
import pytest
import stand_in_controllers
from argo_cd import ArgoCd, health, operation, synced
from fork import Fork, git

from harness import api_server, git_server, rendering
from harness.authority import Authority
from harness.processes import eventually, stays
from harness.workshop import Workshop
from operations import revisions

CLUSTER = "laptop"
# How long a wave that must not begin is watched.
HELD_SECONDS = 4
PATIENCE = 240
# What a cluster has of its own.
BARE = {f"namespace/{name}" for name in ("default", "kube-system", "kube-public", "kube-node-lease")}


@pytest.fixture(scope="module")
def fork(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fork")
    authority = Authority(folder, "git")
    with git_server.serving(folder, authority.secret("127.0.0.1", 2, address="127.0.0.1")) as url:
        yield Fork(folder, CLUSTER, url)


@pytest.fixture(scope="module")
def argo(fork, tmp_path_factory):
    folder = tmp_path_factory.mktemp("argo-cd")
    certificate = (fork.folder / "git" / "ca.crt").read_text()
    with api_server.running(folder) as server, argo_cd.running(server, folder, settings(fork), certificate) as argo:
        yield argo


def settings(fork: Fork) -> dict[str, str]:
    """argocd-cm, as the values of Argo CD's Application have it."""
    app = rendering.render(fork.work, CLUSTER).find("Application", "argocd", "argocd").object
    return app["spec"]["sources"][0]["helm"]["valuesObject"]["configs"]["cm"]


@pytest.fixture(scope="module")
def brought_up(fork, argo) -> dict[int, list[str]]:
    """Applies the root, and plays the controllers wave by wave. Returns which Applications held each
    wave's successor back."""
    assert argo.server.apply(rendering.by_hand(fork.work, "bootstrap", CLUSTER)) == []
    held = {}
    for wave, names, later in waves(fork):
        eventually(lambda: set(names) <= set(argo.applications()), PATIENCE)
        eventually(lambda: all(settled(argo.application(name)) for name in names), PATIENCE)
        held[wave] = [name for name in names if health(argo.application(name)) != "Healthy"]
        if held[wave]:
            nothing_begins(argo, later)
        eventually(lambda: reported(argo, names), PATIENCE)
    eventually(lambda: operation(argo.application("root"))[0] == "Succeeded", PATIENCE)
    return held


def waves(fork: Fork):
    """Each wave with its Applications and those that come after it."""
    apps = rendering.render(fork.work, CLUSTER).of("Application")
    wave_of = {app.name: app.sync_wave for app in apps}
    for wave, group in itertools.groupby(sorted(wave_of, key=wave_of.get), key=wave_of.get):
        yield wave, list(group), [name for name in wave_of if wave_of[name] > wave]


def settled(application: dict) -> bool:
    """It has applied what it can, and may wait for its objects."""
    phase, message = operation(application)
    return phase == "Succeeded" or "waiting for healthy state" in message


def nothing_begins(argo: ArgoCd, later: list[str]) -> None:
    deadline = time.monotonic() + HELD_SECONDS
    while time.monotonic() < deadline:
        assert not set(later) & set(argo.applications())
        time.sleep(0.5)


def reported(argo: ArgoCd, names: list[str]) -> bool:
    stand_in_controllers.report(argo.server, names)
    applications = argo.applications()
    return all(synced(applications[name]) and health(applications[name]) == "Healthy" for name in names)


def test_a_wave_waits_until_the_one_before_is_healthy(brought_up):
    """Only CRDs are well as soon as they are served: every other wave held the next one back."""
    assert [wave for wave, names in brought_up.items() if not names and wave != -1] == []


def test_every_application_is_synced_and_healthy(brought_up, argo, fork):
    applications = argo.applications()
    assert set(applications) == {"root"} | {app.name for app in rendering.render(fork.work, CLUSTER).of("Application")}
    assert [name for name, app in applications.items() if not (synced(app) and health(app) == "Healthy")] == []


def test_make_verify_sees_by_which_commit_each_of_our_layers_is(brought_up, argo, fork):
    applications, repository = list(argo.applications().values()), f"{fork.url}/tollgate.git"
    layers = {app.name for app in rendering.render(fork.work, CLUSTER).of("Application") if repository in sources(app.object)}
    head = git(fork.work, "rev-parse", "HEAD")
    assert list(revisions.behind(applications, repository, {head})) == []
    late = set(revisions.behind(applications, repository, {"another"}))
    assert late == {f"{name} is at {head}" for name in layers | {"root"}}


def sources(application: dict) -> list[str]:
    return [source["repoURL"] for source in application["spec"]["sources"]]


def test_every_object_of_our_layers_is_there(brought_up, argo, fork):
    missing = []
    for rendered in rendering.render(fork.work, CLUSTER).objects:
        kind = f"{rendered.kind}.{rendered.group}" if rendered.group else rendered.kind
        namespace = ["--namespace", rendered.namespace] if rendered.namespace else []
        if argo.server.kubectl("get", kind, rendered.name, *namespace).returncode != 0:
            missing.append(str(rendered))
    assert missing == []


def test_a_change_by_hand_is_healed(brought_up, argo):
    before = get(argo, "service", "edge", "tollgate-edge")["spec"]["selector"]
    patch = json.dumps({"spec": {"selector": {"app.kubernetes.io/name": "another"}}})
    assert argo.server.kubectl("patch", "service", "tollgate-edge", "--namespace", "edge", "--patch", patch).returncode == 0
    eventually(lambda: get(argo, "service", "edge", "tollgate-edge")["spec"]["selector"] == before, PATIENCE)


def test_what_is_told_to_stop_stays_so_until_argo_cd_goes_on(brought_up, argo):
    """As docs/platform/day-2.md has it, to bring a volume back."""
    model = "qwen2-5-0-5b-instruct"
    argo.annotate("argocd.argoproj.io/skip-reconcile=true", "serving")
    assert argo.server.kubectl("scale", "deployment", model, "--namespace", "serving", "--replicas", "0").returncode == 0
    argo.refresh("root", "serving")
    assert stays(lambda: get(argo, "deployment", "serving", model)["spec"]["replicas"] == 0, 15)
    argo.annotate("argocd.argoproj.io/skip-reconcile-", "serving")
    eventually(lambda: get(argo, "deployment", "serving", model)["spec"]["replicas"] == 1, PATIENCE)


def test_a_model_that_is_taken_out_goes_with_all_that_it_had(brought_up, argo, fork):
    """A second one comes first; the one that was there stays as it is."""
    second = "qwen2.5-1.5b-instruct"
    fork.configure(lambda values: values["models"].update({second: values["models"]["qwen2.5-0.5b-instruct"]}))
    before = get(argo, "deployment", "serving", "qwen2-5-0-5b-instruct")["metadata"]["uid"]
    argo.refresh("serving", "routing")
    eventually(lambda: reported(argo, ["serving", "routing"]) and owned(argo, "qwen2-5-1-5b-instruct"), PATIENCE)
    fork.revert()
    argo.refresh("serving", "routing")
    eventually(lambda: not owned(argo, "qwen2-5-1-5b-instruct"), PATIENCE)
    assert get(argo, "deployment", "serving", "qwen2-5-0-5b-instruct")["metadata"]["uid"] == before


def owned(argo: ArgoCd, model: str) -> list[str]:
    """What there is of a model."""
    kinds = "deployments,services,poddisruptionbudgets,inferencepools,httproutes,agentgatewaypolicies"
    listed = argo.server.kubectl("get", kinds, "--namespace", "serving", "--output", "name").stdout.split()
    return [name for name in listed if model in name]


def test_a_layer_that_is_switched_off_goes_with_all_that_it_had(brought_up, argo, fork):
    """Its namespace stays, which another layer makes; and it comes back as it was."""
    applications = "root/templates/applications.yaml"
    line = next(line for line in (fork.work / "manifests" / applications).read_text().splitlines() if '"name" "edge"' in line)
    fork.edit(applications, line, "")
    argo.refresh("root")
    eventually(lambda: "edge" not in argo.applications() and not exists(argo, "deployment", "tollgate-edge", "edge"), PATIENCE)
    assert exists(argo, "namespace", "edge")
    fork.revert()
    argo.refresh("root")
    eventually(lambda: "edge" in argo.applications() and reported(argo, ["edge"]), PATIENCE)


def test_a_namespace_is_pruned_only_after_a_confirmation(brought_up, argo, fork):
    line = "agentgateway-system:\n"
    namespaces = "layers/foundation/templates/_namespaces.tpl"
    fork.edit(namespaces, line, f"spare: {{}}\n{line}")
    argo.refresh("foundation")
    eventually(lambda: exists(argo, "namespace", "spare"), PATIENCE)
    fork.revert()
    argo.refresh("foundation")
    eventually(lambda: "waiting for pruning confirmation of" in waiting(argo, "foundation"), PATIENCE)
    assert "deletionTimestamp" not in json.loads(argo.server.kubectl("get", "namespace", "spare", "--output", "json").stdout)["metadata"]
    argo.confirm("foundation")
    eventually(lambda: not exists(argo, "namespace", "spare"), PATIENCE)


def waiting(argo: ArgoCd, name: str) -> str:
    return operation(argo.application(name))[1]


def test_an_object_outside_its_fence_is_refused(brought_up, argo, fork):
    """The edge's project forbids Secrets: a literal one in Git never reaches the cluster."""
    fork.add("layers/edge/templates/smuggled.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: smuggled, namespace: edge}\n")
    argo.refresh("edge")
    eventually(lambda: "Secret is not permitted in project inference" in json.dumps(argo.application("edge")["status"]), PATIENCE)
    assert not exists(argo, "secret", "smuggled", "edge")
    fork.revert()
    argo.refresh("edge")
    eventually(lambda: reported(argo, ["edge"]) and operation(argo.application("edge"))[0] == "Succeeded", PATIENCE)


def test_teardown_removes_it_all_in_the_opposite_order(brought_up, argo, fork, tmp_path):
    """The last test: nothing is left for another. A bare cluster's own namespaces stay."""
    workshop = Workshop(tmp_path, argo.server)
    said = workshop.operate("teardown", CLUSTER, types=[CLUSTER, CLUSTER], seconds=600)
    assert said.code == 0, said.text
    removed = re.findall(r"^\+ kubectl .* delete application.argoproj.io (.+) --namespace argocd --wait=false", said.text, re.MULTILINE)
    order = [name for names in removed for name in names.split()]
    wave_of = {name: wave for wave, names, _ in waves(fork) for name in names}
    data = next(number for number, name in enumerate(order) if name.endswith("-crds"))
    assert [wave_of[name] for name in order[:data]] == sorted((wave_of[name] for name in order[:data]), reverse=True), order
    left = {name for kind in ("namespaces", "crds") for name in argo.server.kubectl("get", kind, "--output", "name").stdout.split()}
    assert left - BARE == set()


def exists(argo: ArgoCd, kind: str, name: str, namespace: str = "default") -> bool:
    return argo.server.kubectl("get", kind, name, "--namespace", namespace).returncode == 0


def get(argo: ArgoCd, kind: str, namespace: str, name: str) -> dict:
    return json.loads(argo.server.kubectl("get", kind, name, "--namespace", namespace, "--output", "json").stdout)
