"""What `tollgate envoy-config` makes of a cluster's edge: the files that Envoy reads, by name."""

import itertools
import json
import subprocess
import tempfile
from pathlib import Path

import yaml

from refusal import Refusal, tollgate

# Where the pod has them: the manifests mount these folders.
MOUNTED = "/etc/tollgate"
IDENTITY = "/etc/tls"
CERTIFICATE = "/etc/front-door"
MODULE = "/modules/plugin.wasm"
LLM = "https://llm-proxies.llm-gateway.svc.cluster.local:8443"
# With what a rotation makes of it.
SPENT = {f"platform/applications/verify-spent{part}" for part in ("", "-next", "-previous")}
PLATFORM = "https://platform-proxies.platform-gateway.svc.cluster.local:8443"


def of_our_envoy(cluster: Path, config: dict) -> dict[str, str]:
    """A whole Envoy, the platform's front door."""
    edge = config["edge"]
    return _written(cluster, [
        *_options(edge),
        "--listen", "0.0.0.0:8443",
        "--api-host", f"api.{config['domain']}",
        "--certificate", CERTIFICATE,
        "--other-hosts", PLATFORM,
        "--other-hosts-identity", IDENTITY,
        *(["--proxy-protocol"] if edge["service"].get("proxyProtocol") else []),
        "--listen-plain", "0.0.0.0:8080",
        "--listen-applications", "0.0.0.0:8081",
        "--listen-metrics", "0.0.0.0:9090",
        "--admin", "127.0.0.1:9901",
    ])  # fmt: skip


def of_another_envoy(cluster: Path, config: dict) -> dict[str, str]:
    """What an Envoy lacks that someone else configures: `fragment.yaml` in place of a bootstrap."""
    return _written(cluster, [*_options(config["edge"]), "--fragment"])


def policy(module: str) -> dict:
    """The compiled rule files, out of `module.json`."""
    plugin = json.loads(module)["resources"][0]["typed_config"]["config"]
    return json.loads(plugin["configuration"]["value"])


def limits_anyone(compiled: dict) -> bool:
    """Whether several edges would grant somebody several times a limit: each Envoy counts for itself.

    The key that `make verify` sees refused doesn't count: N edges grant it a millionth of a dollar N times, and
    every cluster has it."""
    accounts = [compiled.get(kind, []) for kind in ("models", "organizations", "teams")]
    keys = [key for key in compiled.get("keys", []) if f"{key['team']}/{key['name']}" not in SPENT]
    return any(account.get("limits") for account in itertools.chain(*accounts, keys))


def _options(edge: dict) -> list[str]:
    return [
        # By a name that is the same in every checkout: refusals say which file a limit is from.
        "--policies", "policies",
        "--module", MODULE,
        "--upstream", f"default={LLM}",
        "--upstream-http2",
        "--identity", f"default={IDENTITY}",
        "--stream-timeout", str(edge["streamTimeoutSeconds"]),
        "--idle-timeout", str(min(600, edge["streamTimeoutSeconds"])),
        "--max-heap", str(_heap(edge["resources"]["limits"]["memory"])),
        "--mounted-at", MOUNTED,
    ]  # fmt: skip


def _written(cluster: Path, options: list[str]) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as output:
        command = [tollgate(), "envoy-config", *options, "--output", output]
        done = subprocess.run(command, cwd=cluster, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise Refusal(done.stderr.strip())
        return {path.name: path.read_text() for path in sorted(Path(output).iterdir())}


def _heap(limit: str) -> int:
    """Bytes of heap at which Envoy sheds load: two thirds of the memory that it may have."""
    units = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
    number, unit = limit[:-2], limit[-2:]
    if unit not in units:
        raise Refusal(f"edge.resources.limits.memory is {limit!r}: write it in Mi or Gi")
    return int(float(number) * units[unit]) * 2 // 3


class Dumper(yaml.SafeDumper):
    """Long texts as blocks."""


def text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


Dumper.add_representer(str, text)


def dump(value: dict) -> str:
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, width=1 << 30)
