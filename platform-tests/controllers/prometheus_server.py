"""A real Prometheus on loopback, with our recording rules, that scrapes what was recorded of real
programs (scrapes/) as the rendered monitors would have it scrape them."""

import contextlib
import http.client
import json
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from harness.platforms import ROOT
from harness.processes import eventually, free_ports, process, served
from harness.rendering import Platform, program

SCRAPES = ROOT / "platform-tests/upstream/scrapes"
RULES = ROOT / "manifests/layers/observability/rules"
# What each monitor's program says that it sends, as recorded with it.
TYPES = {
    "edge": "text/plain; charset=UTF-8",
    "vllm": "text/plain; version=1.0.0; charset=utf-8",
    "endpoint-picker": "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
}


@dataclass(frozen=True)
class Prometheus:
    port: int

    def ask(self, path: str, **parameters: str):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        answer = json.loads(connection.getresponse().read())
        if answer["status"] != "success":
            raise ValueError(answer["error"])
        return answer["data"]

    def parse(self, query: str) -> dict:
        """The syntax tree; ValueError has what is wrong with the query."""
        return self.ask("parse_query", query=query)

    def series(self, query: str) -> list[dict]:
        return self.ask("query", query=query)["result"]

    def is_settled(self) -> bool:
        """Rates need two samples, and rules of rules another round."""
        return len(self.series("count_over_time(up[1m]) >= 6")) == len(TYPES)


@contextlib.contextmanager
def running(folder: Path, platform: Platform) -> Iterator[Prometheus]:
    recorded, listen = free_ports(2)
    server = served(Recorded, recorded)
    config = folder / "prometheus.json"
    config.write_text(json.dumps(configuration(platform, recorded)))
    command = [program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{listen}"]
    prometheus = Prometheus(listen)
    with process("prometheus", command, folder):
        eventually(lambda: answers(prometheus))
        eventually(prometheus.is_settled)
        yield prometheus
    server.shutdown()


class Recorded(BaseHTTPRequestHandler):
    """`/NAME` is scrapes/NAME.txt."""

    def do_GET(self):
        name = self.path.removeprefix("/")
        text = (SCRAPES / f"{name}.txt").read_bytes()
        self.send_response(200)
        self.send_header("content-type", TYPES[name])
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def answers(prometheus: Prometheus) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return bool(prometheus.series("vector(1)"))
    return False


def configuration(platform: Platform, port: int) -> dict:
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES / "*.yaml")],
        "scrape_configs": [job(platform, name, port) for name in TYPES],
    }


def job(platform: Platform, name: str, port: int) -> dict:
    monitor = platform.find("PodMonitor", "monitoring", name) or platform.find("ServiceMonitor", "monitoring", name)
    spec = monitor.object["spec"]
    (endpoint,) = spec.get("podMetricsEndpoints") or spec["endpoints"]
    labels = {"namespace": spec["namespaceSelector"]["matchNames"][0], "pod": f"{name}-0", "container": name, "endpoint": "metrics"}
    # A pod's label becomes the target's; which pod is not in the recording.
    labels |= {relabeling["targetLabel"]: "a-pool" for relabeling in endpoint.get("relabelings", [])}
    return {
        "job_name": f"monitoring/{name}",
        "metrics_path": f"/{name}",
        "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": labels}],
        "metric_relabel_configs": [
            {"action": rule["action"], "source_labels": rule["sourceLabels"], "regex": rule["regex"], "target_label": rule["targetLabel"]}
            for rule in endpoint.get("metricRelabelings", [])
        ],
    }
