"""A cluster's values held to manifests/root/values.schema.json, as Helm does it, where no Helm may be."""

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs

from platform_manifests.cluster_config import config_file
from refusal import Refusal

FILE = "manifests/root/values.schema.json"
# Of a value that is wrong; a whole section may be in the message.
LONGEST = 200


def hold(root: Path, cluster: str, values: dict) -> None:
    """Raises Refusal with all that is wrong, a line each."""
    if wrong := list(faults(root, values)):
        raise Refusal("\n  ".join([f"{config_file(cluster)}, with the defaults, is not as {FILE} has it:", *wrong]))


def faults(root: Path, values: dict) -> Iterator[str]:
    schema = json.loads((root / FILE).read_text())
    # YAML has dates, which JSON has not.
    data = json.loads(json.dumps(values, default=str))
    for error in jsonschema_rs.Draft7Validator(schema).iter_errors(data):
        place = ".".join(map(str, error.instance_path)) or "at the top"
        message = error.message if len(error.message) <= LONGEST else error.message[:LONGEST] + "..."
        yield f"{place}: {message}"
