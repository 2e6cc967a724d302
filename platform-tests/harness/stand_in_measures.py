"""A stand-in for what Prometheus scrapes of one model: its endpoint picker, the vLLM of each pod, and
kube-state-metrics. A test writes the script; what is `lost` does not answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.processes import served


@dataclass
class Measures:
    """The model's state. `wanted` is asked at each scrape, since KEDA changes it; so is `counted`, where pods
    become ready by themselves. `running` are the requests of all pods."""

    model: str
    wanted: Callable[[], int]
    queued: int = 0
    ready: int = 0
    running: int = 0
    lost: set[str] = field(default_factory=set)
    pods: int = 1
    counted: Callable[[], int] | None = None

    def look(self) -> None:
        if self.counted:
            self.ready = self.counted()

    def text(self, target: str) -> str:
        labels = f'namespace="serving",deployment="{self.model}"'
        return {
            "endpoint-picker": f'inference_extension_flow_control_queue_size{{fairness_id="acme",priority="0"}} {self.queued}\n',
            "vllm": f"vllm:num_requests_running {self.running / max(1, self.ready)}\nvllm:num_requests_waiting 0\n",
            "kube-state-metrics": f"kube_deployment_spec_replicas{{{labels}}} {self.wanted()}\n"
            f"kube_deployment_status_replicas_ready{{{labels}}} {self.ready}\n",
        }[target]

    def answers(self, target: str, number: int = 0) -> bool:
        # A pod that is not ready has no server yet.
        return target not in self.lost and (target != "vllm" or number < self.ready)

    def scrape_configs(self, port: int) -> list[dict]:
        """Each target with the labels that the Prometheus operator and our monitors give it."""
        targets = [("endpoint-picker", 0), ("kube-state-metrics", 0), *(("vllm", number) for number in range(self.pods))]
        return [
            {
                "job_name": f"{target}-{number}",
                "metrics_path": f"/{target}/{number}",
                "honor_labels": True,
                "static_configs": [
                    {
                        "targets": [f"127.0.0.1:{port}"],
                        "labels": {"namespace": "serving", "pool": self.model, "container": target, "pod": f"{target}-{number}"},
                    }
                ],
            }
            for target, number in targets
        ]


def serve(measures: Measures, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            _, target, number = self.path.split("/")
            measures.look()
            answers = measures.answers(target, int(number))
            self.send_response(200 if answers else 503)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.end_headers()
            if answers:
                self.wfile.write(measures.text(target).encode())

        def log_message(self, *_):
            pass

    return served(Handler, port)
