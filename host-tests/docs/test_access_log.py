"""The published schema of the access log, against lines of a real Envoy."""

import json

import fastjsonschema

from stack import ROOT

SCHEMA = json.loads((ROOT / "docs" / "access-log.schema.json").read_text())


def test_every_line_fits_the_schema(gateway, endings):
    validate = fastjsonschema.compile(SCHEMA)
    for line in gateway.lines():
        validate(line)
        assert set(line) == set(SCHEMA["properties"]) == set(SCHEMA["required"])


def test_every_field_has_a_value_somewhere(endings):
    empty = {field for field in SCHEMA["properties"]
             if all(line[field] is None for line in endings.values())}
    assert not empty
