"""What KEDA asks of a model, out of our manifests, by the real promtool: the answer in each situation,
and none at all when something that it counts by is not measured."""

import subprocess

import pytest
import yaml

from harness import rendering
from harness.platforms import cluster

MODEL = "qwen2-5-coder-1-5b"
PICKER_UP = {f'up{{namespace="serving", pool="{MODEL}", container="endpoint-picker"}}': 1}


def held(tenant: str, count: int, pool: str = MODEL) -> dict[str, int]:
    labels = f'namespace="serving", pool="{pool}", inference_pool="{pool}", fairness_id="{tenant}", priority="0"'
    return {f"inference_extension_flow_control_queue_size{{{labels}}}": count}


def pods(wanted: int, ready: int, deployment: str = MODEL) -> dict[str, int]:
    labels = f'namespace="serving", deployment="{deployment}", job="kube-state-metrics"'
    return {f"kube_deployment_spec_replicas{{{labels}}}": wanted, f"kube_deployment_status_replicas_ready{{{labels}}}": ready}


def server(pod: str, running: int, waiting: int, container: str = "vllm") -> dict[str, int]:
    labels = f'namespace="serving", pool="{MODEL}", container="{container}", pod="{pod}"'
    vllm = f'{labels}, model_name="qwen2.5-coder-1.5b", engine="0"'
    series = {f"vllm:num_requests_running{{{vllm}}}": running, f"vllm:num_requests_waiting{{{vllm}}}": waiting}
    return {f"up{{{labels}}}": 1} | series


def lost(pod: str) -> dict[str, int]:
    return {f'up{{namespace="serving", pool="{MODEL}", container="vllm", pod="{pod}"}}': 0}


# Trigger, situation, what is measured, the answer; None is no answer.
CASES = [
    ("waking", "asleep, and nobody asks", PICKER_UP | pods(0, 0), 0),
    ("waking", "two tenants wait", PICKER_UP | pods(0, 0) | held("a", 1) | held("b", 2), 3),
    ("waking", "they waited", PICKER_UP | pods(0, 0) | held("a", 0), 0),
    ("waking", "another model is waited for", PICKER_UP | pods(0, 0) | held("a", 1, "other") | pods(1, 0, "other"), 0),
    ("waking", "all clients have given up, and the pod still starts", PICKER_UP | pods(1, 0) | held("a", 0), 1),
    ("waking", "the pod is ready", PICKER_UP | pods(1, 1), 0),
    ("waking", "the pod is told to go", PICKER_UP | pods(0, 1), 0),
    ("waking", "the picker does not answer", {key: 0 for key in PICKER_UP} | pods(0, 0), None),
    ("waking", "there is no picker", pods(1, 0), None),
    ("waking", "nothing tells of Deployments", PICKER_UP | held("a", 1), None),
    ("load", "asleep", pods(0, 0), 0),
    ("load", "the pod starts", pods(1, 0) | lost("a"), 0),
    ("load", "nobody asks", pods(1, 1) | server("a", 0, 0), 0),
    ("load", "two pods are busy", pods(2, 2) | server("a", 3, 1) | server("b", 4, 0), 8),
    ("load", "a pod that is told to go still streams", pods(0, 0) | server("a", 2, 0), 2),
    ("load", "the pod is one of KServe's", pods(1, 1) | PICKER_UP | server("a", 3, 1, "kserve-container"), 4),
    ("load", "its scrape is lost, and the picker is there", pods(1, 1) | PICKER_UP | lost("a"), None),
    ("load", "its scrape is lost", pods(1, 1) | lost("a"), None),
    ("load", "one of two scrapes is lost", pods(2, 2) | server("a", 3, 1) | lost("b"), None),
    ("load", "a ready pod was never scraped", pods(1, 1), None),
    ("load", "nothing tells of Deployments", server("a", 1, 0), None),
]


@pytest.mark.parametrize(("trigger", "situation", "measured", "answer"), CASES, ids=[f"{case[0]}: {case[1]}" for case in CASES])
def test_the_answer(trigger, situation, measured, answer, tmp_path):
    scaled = cluster("production").find("ScaledObject", "serving", MODEL).object
    query = next(one["metadata"]["query"] for one in scaled["spec"]["triggers"] if one["name"] == trigger)
    samples = [] if answer is None else [{"labels": "{}", "value": answer}]
    case = {
        "interval": "15s",
        "input_series": [{"series": series, "values": f"{value}x8"} for series, value in measured.items()],
        "promql_expr_test": [{"expr": query, "eval_time": "1m", "exp_samples": samples}],
    }
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "15s", "tests": [case]}))
    done = subprocess.run([rendering.program("promtool"), "test", "rules", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
