"""Strict schemas: an unknown field, a wrong type or a missing required field is a finding."""

import copy
import functools
import json
from collections.abc import Iterator
from importlib import util
from pathlib import Path

import jsonschema_rs

from harness.rendering import Platform
from upstream import definitions

# The API server's own types, closed to unknown fields; the package is pinned with the Python ones.
BUILT_IN = "kubernetes-json-schema/v1.35.0-local-strict"


def objects_are_of_their_kinds(platform: Platform) -> Iterator[str]:
    for rendered in platform.objects:
        validator = schema(rendered.object["apiVersion"], rendered.kind)
        if validator is None:
            version = rendered.object["apiVersion"]
            yield f"{rendered}: there is no kind {rendered.kind} in {version}"
            continue
        for error in validator.iter_errors(rendered.object):
            field = ".".join(str(part) for part in error.instance_path) or "the object"
            yield f"{rendered}: {field}: {error.message}"


@functools.cache
def schema(api_version: str, kind: str):
    """A validator, or None for a kind that no one brings."""
    group, _, version = api_version.rpartition("/")
    definition = definitions.kinds().get((group, kind))
    if definition:
        return custom(definition, version)
    return built_in(group, version, kind)


def built_in(group: str, version: str, kind: str):
    for name, definition in built_in_definitions().items():
        for known in definition.get("x-kubernetes-group-version-kind", []):
            if (known["group"], known["version"], known["kind"]) == (group, version, kind):
                whole = {"$ref": f"#/$defs/{name}", "$defs": built_in_definitions()}
                return jsonschema_rs.Draft202012Validator(whole)
    return None


@functools.cache
def built_in_definitions() -> dict[str, dict]:
    # The package's files alone: its code would want more packages.
    folder = Path(util.find_spec("kubernetes_validate").submodule_search_locations[0])
    return json.loads((folder / BUILT_IN / "_definitions.json").read_text())["$defs"]


def custom(definition: dict, version: str):
    for entry in definition["spec"]["versions"]:
        if entry["name"] == version and entry["served"]:
            full = copy.deepcopy(entry["schema"]["openAPIV3Schema"])
            properties = full.setdefault("properties", {})
            # The API server knows these of every object.
            properties |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": metadata()}
            return jsonschema_rs.Draft4Validator(close(full))
    return None


def metadata() -> dict:
    texts = {"type": "object", "additionalProperties": {"type": "string"}}
    return {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "namespace": {"type": "string"},
            "labels": texts,
            "annotations": texts,
            "finalizers": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["name"],
        "additionalProperties": False,
    }


def close(schema: dict) -> dict:
    """Makes an OpenAPI v3 schema of a CRD refuse what the API server would drop."""
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    closed = {key: schema[key] for key in ("type", "enum", "required") if key in schema}
    # Go's flags inside a pattern are no JSON Schema; the real API server reads them.
    if "(?i)" not in schema.get("pattern", "(?i)"):
        closed["pattern"] = schema["pattern"]
    if closed.get("type") and schema.get("nullable"):
        closed["type"] = [closed["type"], "null"]
    if "properties" in schema:
        closed["properties"] = {name: close(part) for name, part in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            closed[key] = close(schema[key])
    for key in ("minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum", "minProperties", "maxProperties"):
        if key in schema:
            closed[key] = schema[key]
    return closed


CHECKS = [objects_are_of_their_kinds]
