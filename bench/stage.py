"""What is measured: Envoys that differ in one filter, in front of one upstream.

Every Envoy has one worker and is pinned to the first core that this process may use; the upstream
and the load generator run on the others. All of them start from what `tollgate envoy-config`
writes, and only what a variant is about is changed in it.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from processes import Program, StackError

ROOT = Path(__file__).resolve().parent.parent
INPUTS = ROOT / "bench" / "inputs"
HOST = "127.0.0.1"
# Rules without limits, and with many.
UNLIMITED_RULES = ROOT / "bench" / "policies" / "unlimited"
LIMITED_RULES = ROOT / "bench" / "policies" / "limited"
KEY_NAME = "TOLLGATE_KEY_PLATFORM_ADA"

# What stands in the place of the module, from the least to the most.
PLAIN = "plain"  # no Wasm filter at all
EMPTY = "empty"  # bench/modules/empty
FLOOR = "floor"  # bench/modules/floor
GATEWAY = "gateway"  # the module that operators load, without limits
LIMITED = "limited"  # the same with everything on: prices, limits and budgets on each account
VARIANTS = (PLAIN, EMPTY, FLOOR, GATEWAY, LIMITED)


@dataclass(frozen=True)
class Envoy:
    """A running Envoy."""

    port: int
    pid: int
    folder: Path  # of its configuration

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


class Stage:
    """Starts programs in a folder of their own; `stage()` ends them all."""

    def __init__(self, folder: Path, programs: ExitStack):
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise StackError("measuring needs two cores: one for Envoy, one for the load")
        self.envoy_core = str(cores[0])
        self.load_cores = ",".join(map(str, cores[1:]))
        self.folder = folder
        self._programs = programs

    def upstream(self, events: int = 100, gap: int = 20) -> int:
        """Starts the upstream and returns its port. A streamed answer has `events` events, `gap`
        microseconds and what the kernel's timers add apart."""
        command = ["taskset", "-c", self.load_cores, setting("BENCH_UPSTREAM")]
        events_apart = ["--events", str(events), "--gap", str(gap)]
        output = Path(tempfile.mkdtemp(prefix="upstream-", dir=self.folder)) / "upstream.out"
        program = self._start("the upstream", [*command, *events_apart], output)
        program.wait_until(lambda: output.read_text().endswith("\n"), seconds=5)
        return int(output.read_text())

    def envoy(self, name: str, upstream: int, policies: Path, variant: str = GATEWAY) -> Envoy:
        """Starts an Envoy and waits until a chat passes through it."""
        folder = self.folder / name
        listen, admin = free_ports(2)
        configure(folder, policies, upstream, listen, admin)
        change(folder, variant)
        command = ["taskset", "-c", self.envoy_core, setting("TOLLGATE_ENVOY")]
        command += ["-c", str(folder / "bootstrap.json"), "--disable-hot-restart"]
        command += ["--concurrency", "1", "--log-level", "warn"]
        program = self._start(f"Envoy ({name})", command, folder / "envoy.out")
        envoy = Envoy(listen, program.pid, folder)
        program.wait_until(lambda: chat(envoy.url) == 200, seconds=20)
        return envoy

    def _start(self, name: str, command: list[str], output: Path) -> Program:
        program = Program(name, command, output.with_suffix(".log"), output)
        self._programs.callback(program.stop)
        return program


@contextmanager
def stage():
    """A `Stage` whose programs end and whose folder goes with the block; an error keeps it."""
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = HOST
    runs = ROOT / ".tollgate" / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=runs))
    failed = False
    try:
        with ExitStack() as programs:
            yield Stage(folder, programs)
    except Exception:
        failed = True
        raise
    finally:
        if not failed:
            shutil.rmtree(folder)


def configure(folder: Path, policies: Path, upstream: int, listen: int, admin: int) -> None:
    """Writes what an operator would write. The access log is on and goes to /dev/null: it is
    formatted as ever, for every variant alike, and costs no disk."""
    command = [setting("TOLLGATE_CLI"), "envoy-config", "--policies", str(policies)]
    command += ["--module", setting("TOLLGATE_MODULE"), "--upstream", f"{HOST}:{upstream}"]
    command += ["--listen", f"{HOST}:{listen}", "--admin", str(admin)]
    command += ["--access-log", "/dev/null", "-o", str(folder)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        failure = f"ended with {done.returncode}:\n{done.stderr.strip()}"
        raise StackError(f"{' '.join(command)} {failure}")


def change(folder: Path, variant: str) -> None:
    """Puts something else in the place of the module. Nothing else names a cluster, so the route
    does."""
    if variant in (GATEWAY, LIMITED):
        return
    path = folder / "bootstrap.json"
    bootstrap = json.loads(path.read_text())
    listener = bootstrap["static_resources"]["listeners"][0]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    routes = manager["route_config"]
    routes["validate_clusters"] = False  # they are discovered after it
    route = routes["virtual_hosts"][0]["routes"][0]["route"]
    del route["cluster_header"]
    route["cluster"] = "default"
    if variant == PLAIN:
        filters = manager["http_filters"]
        manager["http_filters"] = [each for each in filters if each["name"] != "tollgate"]
    else:
        swap_module(folder, setting(f"BENCH_{variant.upper()}"))
    path.write_text(json.dumps(bootstrap))


def swap_module(folder: Path, module: str) -> None:
    path = folder / "module.json"
    discovered = json.loads(path.read_text())
    vm = discovered["resources"][0]["typed_config"]["config"]["vm_config"]
    vm["code"]["local"]["filename"] = module
    path.write_text(json.dumps(discovered))


def chat(url: str) -> int | None:
    """The status that a chat gets; `None` where nothing answers."""
    headers = {"authorization": f"Bearer {key()}", "content-type": "application/json"}
    body = (INPUTS / "request.json").read_bytes()
    request = urllib.request.Request(f"{url}/v1/chat/completions", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def key() -> str:
    """The secret of a key in policies/."""
    lines = (ROOT / "demo" / "example-keys.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line[:1] not in ("", "#"))[KEY_NAME]


def setting(name: str) -> str:
    """The path of something that the Makefile has built."""
    value = os.environ.get(name)
    if not value or not Path(value).exists():
        raise StackError(f"{name} is {value or 'not set'}: no such file. `make bench` makes it")
    return value


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on; all are held until the last is found, so that they differ."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
