"""Changes of YAML that people write touch what they name and nothing else."""

import difflib

import pytest
import yaml

import yaml_edit
from harness.platforms import ROOT
from refusal import Refusal

SHIPPED = sorted(
    path.relative_to(ROOT)
    for pattern in ("clusters/*/config.yaml", "clusters/*/policies/**/*.yaml", "root/values.yaml")
    for path in (ROOT / "manifests").glob(pattern)
)


def paths(data, above: tuple[str, ...] = ()):
    """Every key of every map that no list is around, with its value."""
    for key, value in data.items():
        yield (*above, key), value
        if isinstance(value, dict):
            yield from paths(value, (*above, key))


def test_a_key_in_quotes_is_found():
    assert yaml_edit.put('"domain": a.b  # ours\n', ("domain",), "c.d") == '"domain": c.d  # ours\n'


@pytest.mark.parametrize("file", SHIPPED, ids=str)
def test_of_a_file_that_ships_only_the_line_that_is_meant_changes(file):
    before = (ROOT / file).read_text()
    for path, value in paths(yaml.safe_load(before)):
        if isinstance(value, dict):
            after = yaml_edit.put(before, (*path, "added"), {"hash": "sha256:0", "limits": [{"budget": 0.000001, "per": "day"}]})
            assert len(removed(before, after)) <= 1
            assert not value or yaml_edit.remove(after, (*path, "added")) == before
        elif not isinstance(value, list):
            assert yaml_edit.put(before, path, value) == before
            after = yaml_edit.put(before, path, "another-value")
            assert len(after.splitlines()) == len(before.splitlines()) and len(removed(before, after)) == 1


def removed(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if line.startswith("-") and not line.startswith("---")]


@pytest.mark.parametrize("before, path, value, after", [
    ("a: old   # why\n", "a", "new", "a: new   # why\n"),
    ("a: 'old'\n", "a", "it's", "a: 'it''s'\n"),
    ("# ключ\na: {b: 'ö→', c: old}\n", "a.c", "new", "# ключ\na: {b: 'ö→', c: new}\n"),
    ("a:\nb: 1\n", "a", "new", "a: new\nb: 1\n"),
    ("a: null  # why\n", "a", 3, "a: 3  # why\n"),
    ("{a: old, b: 1}\n", "a", "on", '{a: "on", b: 1}\n'),
    ("a: 1", "b", "1.20.3", "a: 1\nb: 1.20.3\n"),
    ("a: 1\n", "b.c", "10.0.0.0/28", "a: 1\n\nb:\n  c: 10.0.0.0/28\n"),
    ("# only words\n", "a.b", "1.20", '# only words\na:\n  b: "1.20"\n'),
    ("a:\n    b: 1\n\n# of c\nc: 2\n", "a.new", 3, "a:\n    b: 1\n    new: 3\n\n# of c\nc: 2\n"),
    ("a: {}   # why\n# of c\nc: 2\n", "a.new.er", 3, "a:   # why\n  new:\n    er: 3\n# of c\nc: 2\n"),
    ("a:\n  b:\n    # none yet\nc: 2\n", "a.b.new", 3, "a:\n  b:\n    new: 3\n    # none yet\nc: 2\n"),
    ("a: {b: {c: 1}, d: 2}  # why\n", "a.b.new", 3, "a: {b: {c: 1, new: 3}, d: 2}  # why\n"),
    ("a: {b: {}, d: 2}\n", "a.b.new", 3, "a: {b: {new: 3}, d: 2}\n"),
    ("a: {\n  b: 1,  # why\n}\nc: 2\n", "a.new", 3, "a: {\n  b: 1, new: 3,  # why\n}\nc: 2\n"),
    ("x:\n  a:\n    - 1\n    - b: |\n        text\n\nc: 2\n", "x.new", 3, "x:\n  a:\n    - 1\n    - b: |\n        text\n\n  new: 3\nc: 2\n"),
    ("a:\n  b: {\n    c: 1\n  }\nd: 2\n", "a.new", 3, "a:\n  b: {\n    c: 1\n  }\n  new: 3\nd: 2\n"),
])  # fmt: skip
def test_a_value_is_put_where_it_belongs(before, path, value, after):
    assert yaml_edit.put(before, tuple(path.split(".")), value) == after


@pytest.mark.parametrize("before, path, after", [
    ("a:\n  b: 1  # why\n  # of c\n  c:\n    d: 1\n  e: 2\n", "a.c", "a:\n  b: 1  # why\n  # of c\n  e: 2\n"),
    ("a: {b: 1, c: {d: 1}, e: 2}\n", "a.c", "a: {b: 1, e: 2}\n"),
    ("a: {b: 1, c: 2}  # why\n", "a.c", "a: {b: 1}  # why\n"),
    ("a: {b: 1}\n", "a.b", "a: {}\n"),
])  # fmt: skip
def test_a_key_is_taken_away_with_all_that_is_below_it(before, path, after):
    assert yaml_edit.remove(before, tuple(path.split("."))) == after


@pytest.mark.parametrize("before, path, said", [
    ("a: [1]\n", "a.b", "line 1: `a` has a value; it should hold `b`"),
    ("a:\n  b: 1\n", "a", "line 1: `a` is no single value"),
    ("a: |\n  text\n", "a", "line 1: `a` is no single value"),
    ("a: &same {b: 1}\nc: *same\n", "c.b", "`c.b` can't be changed without changing more"),
    ("a: 1\nb: 2\na: 3\n", "a", "`a` can't be changed without changing more"),
    ("a: 1\n b: 2\n", "a", "line 2: mapping values are not allowed"),
    ("a: \x07\n", "a", "it is no YAML: "),
])  # fmt: skip
def test_what_it_can_not_do_it_refuses(before, path, said):
    with pytest.raises(Refusal) as refused:
        yaml_edit.put(before, tuple(path.split(".")), "new")
    assert said in str(refused.value)
