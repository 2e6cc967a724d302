"""A whole gateway on loopback: a real model server and a stock Envoy with Tollgate in it.

Used by the demo (`run.py`) and by the SDK tests (`host-tests/sdk`). What it starts is found by
the environment: TOLLGATE_ENVOY, TOLLGATE_CLI and TOLLGATE_MODULE, all set by the Makefile.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from processes import Program, StackError

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Gateway:
    """Where the running parts are."""

    url: str  # Envoy's listener: what clients talk to
    admin: str  # Envoy's own interface: metrics
    model_server: str  # the upstream, without the gateway
    access_log: Path
    programs: tuple[Program, ...]


@contextmanager
def running(policies: Path, port: int = 0, tell=lambda _: None):
    """Starts everything, yields a `Gateway`, and ends everything on the way out.

    `port` is the listener's (0: any free one). `tell` is called with a line per finished step.
    The logs are in a folder of their own under .tollgate/, kept if an error ends this.
    """
    # A proxy that the user has set up is not to get what goes to loopback.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = HOST
    runs = ROOT / ".tollgate" / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=runs))
    keep = False
    try:
        with ExitStack() as programs:
            yield _start(programs, folder, policies, port, tell)
    except Exception as error:
        keep = True
        error.add_note(f"The logs are in {folder}")
        raise
    finally:
        if not keep:
            shutil.rmtree(folder)


def _start(programs: ExitStack, folder: Path, policies: Path, port: int, tell) -> Gateway:
    model_port, admin_port, listen_port = _free_ports(3)
    listen_port = port or listen_port

    command = [sys.executable, str(ROOT / "demo" / "model_server.py"), str(model_port)]
    model = Program("the model server", command,
                    folder / "model-server.log", folder / "model-server.out")
    programs.callback(model.stop)

    _write_configuration(folder, policies, model_port, listen_port, admin_port)
    command = [_setting("TOLLGATE_ENVOY"), "-c", str(folder / "envoy" / "bootstrap.json")]
    command += ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warn"]
    command += ["--file-flush-interval-msec", "500"]  # of the access log
    access_log = folder / "access.log"  # Tollgate has Envoy write it to stdout
    envoy = Program("Envoy", command, folder / "envoy.log", access_log)
    programs.callback(envoy.stop)

    gateway = Gateway(
        url=f"http://{HOST}:{listen_port}",
        admin=f"http://{HOST}:{admin_port}",
        model_server=f"http://{HOST}:{model_port}",
        access_log=access_log,
        programs=(model, envoy),
    )
    model.wait_until(lambda: _answers(f"{gateway.model_server}/health"), seconds=60)
    tell(f"model server  {gateway.model_server}  (llama.cpp, SmolLM2-135M-Instruct)")
    envoy.wait_until(lambda: _answers(f"{gateway.url}/readyz"), seconds=20)
    tell(f"Envoy         {gateway.url}  (metrics: {gateway.admin}/stats/prometheus)")
    return gateway


def _write_configuration(folder, policies, model_port, listen_port, admin_port) -> None:
    command = [_setting("TOLLGATE_CLI"), "envoy-config", "--policies", str(policies)]
    command += ["--module", _setting("TOLLGATE_MODULE")]
    command += ["--upstream", f"{HOST}:{model_port}", "--listen", f"{HOST}:{listen_port}"]
    command += ["--admin", str(admin_port), "-o", str(folder / "envoy")]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        failure = f"ended with {done.returncode}:\n{done.stderr.strip()}"
        raise StackError(f"{' '.join(command)} {failure}")


def _setting(name: str) -> str:
    value = os.environ.get(name)
    if not value or not Path(value).exists():
        raise StackError(f"{name} is {value or 'not set'}: no such file. `make build` makes it")
    return value


def _free_ports(count: int) -> list[int]:
    """Ports that nothing listens on; all are held until the last is found, so that they differ."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def _answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
