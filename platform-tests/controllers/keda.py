"""KEDA's own programs with our ScaledObjects, before a real Prometheus that scrapes what a test scripts."""

import contextlib
import copy
import json
import urllib.parse
import urllib.request
from pathlib import Path

import aggregation
import control_plane
import yaml

from harness import api_server
from harness.authority import Authority
from harness.processes import free_ports, process
from harness.rendering import Platform, program
from harness.stand_in_measures import Measures
from upstream import definitions

NAMESPACE = "keda"


def prepare(server: api_server.ApiServer) -> None:
    """KEDA's definitions and its namespace."""
    assert server.apply(definitions.by_application()["keda-crds"]) == []
    server.established()
    assert server.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}]) == []


def prometheus(folder: Path, measures: Measures, exported: int, port: int) -> contextlib.AbstractContextManager:
    scraped = {"global": {"scrape_interval": "1s"}, "scrape_configs": measures.scrape_configs(exported)}
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(scraped))
    command = [
        program("prometheus"), f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}", f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    return process("prometheus", command, folder)


def operator(folder: Path, server: api_server.ApiServer, metrics: int, probes: int, service: int) -> contextlib.AbstractContextManager:
    """`service` is where its adapter asks."""
    (folder / "kubeconfig").write_text(json.dumps(server.kubeconfig()))
    certificates = folder / "keda-certificates"
    certificates.mkdir()
    for name, text in Authority(folder, "keda-authority").secret("keda-operator", 1, "localhost").items():
        (certificates / name).write_text(text)
    command = [
        "env", f"KUBECONFIG={folder / 'kubeconfig'}", f"POD_NAMESPACE={NAMESPACE}", f"KEDA_CLUSTER_OBJECT_NAMESPACE={NAMESPACE}",
        # As the chart writes what our values say: it reads no Secret of the model's.
        "KEDA_RESTRICT_SECRET_ACCESS=true", "WATCH_NAMESPACE=",
        program("keda-operator"), "--enable-cert-rotation=false",
        f"--cert-dir={certificates}", f"--metrics-bind-address=127.0.0.1:{metrics}",
        f"--health-probe-bind-address=127.0.0.1:{probes}", f"--metrics-service-bind-address=127.0.0.1:{service}",
    ]  # fmt: skip
    return process("keda", command, folder)


@contextlib.contextmanager
def adapter(folder: Path, server: api_server.ApiServer, service: int):
    """What an HPA asks through the API server; it asks the operator at `service`."""
    secure, metrics = free_ports(2)
    authority = aggregation.certificate(folder / "adapter", "keda-metrics-apiserver", NAMESPACE)["ca.crt"]
    kubeconfig = folder / "kubeconfig"
    command = [
        "env", f"KUBECONFIG={kubeconfig}", f"POD_NAMESPACE={NAMESPACE}", "WATCH_NAMESPACE=",
        program("keda-adapter"), "--bind-address=127.0.0.1", f"--secure-port={secure}", f"--port={metrics}",
        f"--tls-cert-file={folder / 'adapter/tls.crt'}", f"--tls-private-key-file={folder / 'adapter/tls.key'}",
        # By which the operator knows it, and it the operator.
        f"--cert-dir={folder / 'keda-certificates'}", f"--metrics-service-address=localhost:{service}",
        f"--lister-kubeconfig={kubeconfig}", f"--authentication-kubeconfig={kubeconfig}", f"--authorization-kubeconfig={kubeconfig}",
    ]  # fmt: skip
    description = control_plane.module("keda", "github.com/kedacore/keda/v2") / "config/metrics-server/api_service.yaml"
    with process("adapter", command, folder):
        aggregation.registered(server, aggregation.api_service(description), secure, authority)
        yield


def scaled_object(platform: Platform, model: str, port: int, pace: dict) -> dict:
    """Ours, at this test's Prometheus and at its pace."""
    scaled = copy.deepcopy(platform.find("ScaledObject", "serving", model).object)
    scaled["spec"] |= pace
    for trigger in scaled["spec"]["triggers"]:
        trigger["metadata"]["serverAddress"] = f"http://127.0.0.1:{port}"
    return scaled


def measured(scaled: dict, port: int) -> bool:
    """Whether each question of KEDA's has an answer."""
    return all(answer(port, trigger["metadata"]["query"]) for trigger in scaled["spec"]["triggers"])


def answer(port: int, query: str) -> list:
    """What Prometheus finds; nothing while it does not run yet."""
    asked = urllib.parse.urlencode({"query": query})
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{asked}", timeout=5) as found:
            return json.load(found)["data"]["result"]
    except OSError:
        return []
