"""The arguments, probes, key and metrics of our manifests, with the real vLLM 0.23.0. `make test-vllm`."""

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

import model_server
from checks.request_path import served_names
from harness import rendering
from harness.platforms import ROOT, cluster, everything
from model_server import PYTHON

# One for CPUs and one for GPUs, with tools.
MODELS = [("laptop", "qwen2-5-0-5b-instruct"), ("production", "qwen2-5-coder-14b-instruct")]
# What the endpoint picker v1.5.0 reads unless it is told otherwise, which ours is not.
READ_BY_PICKERS = {
    "vllm:num_requests_waiting",
    "vllm:num_requests_running",
    "vllm:kv_cache_usage_perc",
    "vllm:cache_config_info",
}


@pytest.fixture(scope="module", autouse=True)
def installed():
    if not PYTHON.exists():
        pytest.skip("vLLM is not installed: `make test-vllm` does that first (6 GB)")


@pytest.fixture(scope="module", params=MODELS, ids=lambda param: param[0])
def server(request, tmp_path_factory):
    name, model = request.param
    workload = cluster(name).find("Deployment", "serving", model)
    with model_server.running(workload, tmp_path_factory.mktemp("vllm")) as server:
        yield server


def test_each_models_arguments_are_vllms_own():
    platforms = [*map(cluster, rendering.clusters(ROOT)), everything()]
    servers = [one for platform in platforms for one in platform.of("Deployment") if served_names(one)]
    lists = [one.object["spec"]["template"]["spec"]["containers"][0]["args"] for one in servers]
    script = Path(__file__).parent / "arguments.py"
    done = subprocess.run([PYTHON, script], input=json.dumps(lists), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_nothing_that_we_tell_it_is_to_go(server):
    told = [line for line in server.log.splitlines() if re.search(r"deprecated|will be removed|unrecognized|ignored", line)]
    assert [line for line in told if "compil" not in line] == []


def test_it_is_ready_when_it_is_warm_and_not_before(server):
    assert server.refused > 0
    assert "init engine" in server.log and "warmup model) took" in server.log
    assert chat(server, "hello").status == 200


def chat(server, text: str, **more) -> model_server.Answer:
    body = {"model": name(server), "messages": [{"role": "user", "content": text}], "max_tokens": 8}
    return server.ask("POST", "/v1/chat/completions", body | more)


def name(server) -> str:
    (served,) = served_names(server.workload)
    return served


def test_the_probes_ask_for_no_key(server):
    container = server.workload.object["spec"]["template"]["spec"]["containers"][0]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert server.ask("GET", container[probe]["httpGet"]["path"], key=None).status == 200


def test_every_path_of_the_route_asks_for_the_key(server):
    # The name of the model's route, pool and Deployment is one.
    route = next(cluster(where) for where, model in MODELS if model == server.workload.name)
    rules = route.find("HTTPRoute", "serving", server.workload.name).object["spec"]["rules"]
    paths = {match["path"]["value"] for rule in rules for match in rule["matches"]}
    assert "/v1/chat/completions" in paths
    for path in paths:
        assert server.ask("POST", path, {}, key=None).status == 401, path
        assert server.ask("POST", path, {}, key="another").status == 401, path
        assert server.ask("POST", path, {}).status in (400, 404), path


def test_what_the_key_leaves_open_is_what_no_route_leads_to(server):
    assert server.ask("GET", "/metrics", key=None).status == 200
    for path in ("/tokenize", "/invocations"):
        assert server.ask("POST", path, {}, key=None).status == 400, path


def test_it_tells_what_it_had_in_its_cache(server):
    text = "the same beginning " * 40
    assert chat(server, text).json()["model"] == name(server)
    usage = chat(server, text).json()["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] > 0


def test_the_metrics_that_are_asked_for_are_there(server):
    said = server.ask("GET", "/metrics", key=None).body.decode()
    there = set(re.findall(r"^(\w[\w:]*)", said, re.MULTILINE))
    assert asked_for() - there == set()
    recorded = (ROOT / "platform-tests/upstream/scrapes/vllm.txt").read_text()
    assert {name for name in re.findall(r"^(vllm:\w+)", recorded, re.MULTILINE)} - there == set()
    assert f'model_name="{name(server)}"' in said


def asked_for() -> set[str]:
    """By pickers, by KEDA, by recording rules and dashboards."""
    texts = [json.dumps(one.object) for one in everything().of("ScaledObject", "PrometheusRule", "ConfigMap")]
    found = {metric for text in texts for metric in re.findall(r"\bvllm:\w+", text)}
    assert "vllm:num_requests_waiting" in found
    return found | READ_BY_PICKERS


def test_streams_that_run_may_end(server):
    """The last one: the server is told to go in the middle of a stream."""
    body = {"model": name(server), "prompt": "begin", "max_tokens": 1500, "ignore_eos": True, "stream": True}
    with server.asking("POST", "/v1/completions", body | {"stream_options": {"include_usage": True}}) as answer:
        first = answer.readline()
        server.process.send_signal(signal.SIGTERM)
        events = (first + answer.read()).decode().split("\n\n")
    assert events[-2] == "data: [DONE]"
    assert json.loads(events[-3].removeprefix("data: "))["usage"]["completion_tokens"] == 1500
    assert server.process.wait(timeout=60) == 0
