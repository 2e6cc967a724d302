"""A stand-in for what Prometheus scrapes of one model: its endpoint picker, its vLLM, and
kube-state-metrics. A test writes the script; what is `lost` does not answer."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Measures:
    """The model's state. `wanted` is asked at each scrape, since KEDA changes it."""

    model: str
    wanted: Callable[[], int]
    queued: int = 0
    ready: int = 0
    running: int = 0
    lost: set[str] = field(default_factory=set)

    def text(self, target: str) -> str:
        labels = f'namespace="serving",deployment="{self.model}"'
        return {
            "endpoint-picker": f'inference_extension_flow_control_queue_size{{fairness_id="acme",priority="0"}} {self.queued}\n',
            "vllm": f"vllm:num_requests_running {self.running}\nvllm:num_requests_waiting 0\n",
            "kube-state-metrics": f"kube_deployment_spec_replicas{{{labels}}} {self.wanted()}\n"
            f"kube_deployment_status_replicas_ready{{{labels}}} {self.ready}\n",
        }[target]

    def answers(self, target: str) -> bool:
        # A pod that is not ready has no server yet.
        return target not in self.lost and (target != "vllm" or self.ready > 0)

    def scrape_configs(self, port: int) -> list[dict]:
        """Each target with the labels that the Prometheus operator and our monitors give it."""
        return [
            {
                "job_name": target,
                "metrics_path": f"/{target}",
                "honor_labels": True,
                "static_configs": [
                    {
                        "targets": [f"127.0.0.1:{port}"],
                        "labels": {"namespace": "serving", "pool": self.model, "container": target},
                    }
                ],
            }
            for target in ("endpoint-picker", "vllm", "kube-state-metrics")
        ]


def serve(measures: Measures, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            target = self.path.removeprefix("/")
            self.send_response(200 if measures.answers(target) else 503)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.end_headers()
            if measures.answers(target):
                self.wfile.write(measures.text(target).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
