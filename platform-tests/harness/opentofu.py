"""The real `tofu` with the modules of substrate/; hashicorp/google is stood in for by a small provider
that has its fields and no cloud."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SUBSTRATE = Path(__file__).resolve().parents[2] / "substrate"
MIRROR = "registry.opentofu.org/hashicorp/google/7.45.0/linux_amd64"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Tofu:
    """The program, and the environment in which it finds its provider."""

    binary: str
    environment: dict[str, str]

    def run(self, folder: Path, *arguments: str, **extra: str) -> tuple[int, str]:
        """Its exit code, and what it says."""
        done = subprocess.run([self.binary, *arguments], cwd=folder, env={**self.environment, **extra},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120)
        return done.returncode, ANSI.sub("", done.stdout)

    def made(self, gke: Path, *arguments: str) -> list[dict]:
        """What substrate/gke makes of these variables: resources, with what a cloud would answer made up."""
        tests = gke / "tests/gke.tftest.hcl"
        answers = re.match(r".*?(?=^variables \{)", tests.read_text(), re.DOTALL | re.MULTILINE)[0]
        tests.write_text(f'{answers}\nrun "made" {{\n  command = apply\n}}\n')
        self.run(gke, "init", "-backend=false")
        code, text = self.run(gke, "test", "-json", "-verbose", *arguments)
        assert code == 0, text
        said = [json.loads(line) for line in text.splitlines()]
        (state,) = [line["test_state"] for line in said if line["type"] == "test_state"]
        return state["values"]["root_module"]["resources"]


def tofu(folder: Path) -> Tofu:
    """Builds both programs if need be; `folder` becomes where providers come from, and from nowhere else."""
    binary = folder / MIRROR / "terraform-provider-google_v7.45.0"
    binary.parent.mkdir(parents=True)
    subprocess.run(
        ["go", "-C", SUBSTRATE / "tests/provider-google", "build", "-mod=readonly", "-buildvcs=false",
         "-trimpath", "-o", binary, "."],
        check=True, env={**os.environ, "CGO_ENABLED": "0"})
    (folder / "tofurc").write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{folder}"\n  }}\n}}\n')
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": str(folder / "tofurc"), "TF_IN_AUTOMATION": "1",
                   "CHECKPOINT_DISABLE": "1", "NO_COLOR": "1"}
    return Tofu(program(), environment)


def program() -> str:
    if named := os.environ.get("TOLLGATE_TOFU"):
        return named
    built = subprocess.run([SUBSTRATE.parent / "scripts/platform-tool", "tofu"], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return built.stdout.strip()


def copy(folder: Path) -> Path:
    """A copy of substrate/ to work in."""
    target = folder / "substrate"
    shutil.copytree(SUBSTRATE, target, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    return target
