"""A pod of our manifests as one program on this machine: the container's environment, its mounts at their
paths, its user, its root file system that can't be written. What is not the container's is said by the test:
addresses, the values of secrets, and what the image has."""

import contextlib
import functools
import http.client
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness import mounts
from harness.forks import ROOT
from harness.processes import process
from harness.rendering import Rendered

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
CONFINE = Path(__file__).parent / "confine"


@functools.cache
def installed(name: str) -> Path:
    """The folder of one of the programs, installed if need be."""
    command = [ROOT / "scripts/set-up-applications", name]
    return Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


@dataclass(frozen=True)
class Image:
    """What an image has that no manifest says. `files` are shown at their paths, never to be written."""

    command: list[str]
    workdir: str
    environment: dict[str, str]
    files: dict[Path, str]


@dataclass(frozen=True)
class Pod:
    """A workload's pod in `folder`, whose volumes outlive its program. `addresses` are texts of its
    environment and what they become, `secrets` what each Secret holds."""

    workload: Rendered
    image: Image
    folder: Path
    addresses: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def spec(self) -> dict:
        return self.workload.object["spec"]["template"]["spec"]

    @property
    def container(self) -> dict:
        (container,) = self.spec["containers"]
        return container

    @contextlib.contextmanager
    def running(self, port: int) -> Iterator[subprocess.Popen]:
        """The program, when its probes are content."""
        with process(self.workload.name, self.command(), self.folder) as started:
            self.wait_ready(started, port)
            yield started

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """Another program in the pod, by the image's command with other arguments, to its end."""
        command = self.command([*self.image.command, *arguments])
        return subprocess.run(command, capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL)

    def command(self, wanted: list[str] | None = None) -> list[str]:
        secured = self.container["securityContext"]
        assert secured["readOnlyRootFilesystem"] and not secured["allowPrivilegeEscalation"]
        assert secured["capabilities"] == {"drop": ["ALL"]}
        variables = self.image.environment | self.environment()
        own = ["env", "-i", *(f"{name}={value}" for name, value in variables.items())]
        user = str(self.spec["securityContext"]["runAsUser"])
        outer = ["env", f"WORKDIR={self.image.workdir}", str(CONFINE), user, str(self.folder)]
        return [*outer, *self.mounts(), "--", *own, *(wanted or self.image.command)]

    def environment(self) -> dict[str, str]:
        variables = {}
        unused = set(self.addresses)
        for entry in self.container["env"]:
            value = entry.get("value")
            if value is None:
                reference = entry["valueFrom"]["secretKeyRef"]
                value = self.secrets[reference["name"]][reference["key"]]
            for old, new in self.addresses.items():
                if old in value:
                    value = value.replace(old, new)
                    unused.discard(old)
            variables[entry["name"]] = value
        assert not unused, f"the environment has no {unused}"
        return variables

    def mounts(self) -> list[str]:
        shown = [f"{file}:{path}:ro" for file, path in self.image.files.items()]
        volumes = {volume["name"]: volume for volume in self.spec["volumes"]}
        for mount in self.container["volumeMounts"]:
            folder = self.volume(volumes[mount["name"]])
            shown.append(f"{folder}:{mount['mountPath']}:{'ro' if mount.get('readOnly') else 'rw'}")
        return shown

    def volume(self, volume: dict) -> Path:
        folder = self.folder / "volumes" / volume["name"]
        if secret := volume.get("secret"):
            content = self.secrets[secret["secretName"]]
            mounts.write(folder, {item["path"]: content[item["key"]] for item in secret["items"]})
        else:
            assert "emptyDir" in volume or "persistentVolumeClaim" in volume
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def wait_ready(self, started: subprocess.Popen, port: int) -> None:
        probe = self.container["startupProbe"]
        deadline = time.monotonic() + probe["periodSeconds"] * probe["failureThreshold"]
        while time.monotonic() < deadline and started.poll() is None:
            if [self.probed(probe, port) for probe in PROBES] == [200] * len(PROBES):
                return
            time.sleep(0.5)
        raise AssertionError(f"{self.workload.name} is not ready:\n{self.log()[-4000:]}")

    def probed(self, probe: str, port: int) -> int | None:
        """The answer's status; None where nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", self.container[probe]["httpGet"]["path"])
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def log(self) -> str:
        return (self.folder / f"{self.workload.name}.log").read_text(errors="replace")
