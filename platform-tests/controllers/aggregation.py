"""API servers behind the API server: a program on this machine that serves an API group of its own."""

import base64
from pathlib import Path

import control_plane
import yaml

from harness.api_server import ApiServer
from harness.authority import Authority
from harness.processes import eventually


def certificate(folder: Path, service: str, namespace: str) -> dict[str, str]:
    """What the program shows: files tls.crt, tls.key and ca.crt in `folder`, and their text."""
    folder.mkdir()
    secret = Authority(folder, "authority").secret(service, 1, f"{service}.{namespace}.svc")
    for name, text in secret.items():
        (folder / name).write_text(text)
    return secret


def registered(server: ApiServer, service: dict, port: int, authority: str) -> None:
    """An APIService as its project has it, at this machine's `port`; waits until it answers."""
    name, reference = service["metadata"]["name"], service["spec"]["service"]
    local = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": reference["name"], "namespace": reference["namespace"]},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }
    moved = service | {"metadata": {"name": name}, "spec": service["spec"] | {"service": reference | {"port": port}}}
    moved["spec"].pop("insecureSkipTLSVerify", None)
    moved["spec"]["caBundle"] = base64.b64encode(authority.encode()).decode()
    assert server.apply([local, moved]) == []
    eventually(lambda: is_available(server, name), 60)


def is_available(server: ApiServer, name: str) -> bool:
    for one in control_plane.listed(server, "apiservices"):
        if one["metadata"]["name"] == name:
            return any(it["type"] == "Available" and it["status"] == "True" for it in one.get("status", {}).get("conditions", []))
    return False


def api_service(file: Path) -> dict:
    (found,) = [one for one in yaml.safe_load_all(file.read_text()) if one and one["kind"] == "APIService"]
    return found
