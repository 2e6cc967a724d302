"""Tables in the documents are whole: each name in them exists, each that exists is in them."""

import json
import os
import re
import subprocess
import urllib.request

import documents
from endings import ENDINGS, RULES
from stack import ROOT


def test_the_operators_guide_names_every_field():
    schema = json.loads((ROOT / "docs" / "access-log.schema.json").read_text())
    cells = [row[0] for row in documents.rows("docs/operators.md", "Access log")]
    fields = [field for cell in cells for field in documents.quoted(cell)]
    assert sorted(fields) == sorted(schema["properties"])


def test_the_readme_names_every_error(endings):
    documented = {}
    for status, codes, _ in documents.rows("README.md", "What is refused"):
        statuses = {int(each) for each in re.findall(r"\d+", status)}
        for code in documents.quoted(codes):
            documented.setdefault(code, set()).update(statuses)
    for what, (_, status, code, _) in ENDINGS.items():
        if code and code != "unsupported_endpoint":
            assert status in documented.get(code, ()), f"{what}: README says {documented.get(code)}"
    assert codes_in_the_source() <= set(documented), codes_in_the_source() - set(documented)


def codes_in_the_source() -> set[str]:
    refusals = "".join((ROOT / "crates/core/src/refusal" / file).read_text()
                       for file in ("mod.rs", "limit.rs"))
    replies = (ROOT / "crates/envoy-config/src/local_replies.rs").read_text()
    by_module = "".join(re.findall(r"pub fn code\(.*?\n    }\n", refusals, re.DOTALL))
    return {*re.findall(r'=> "([a-z_]+)"', by_module),
            *re.findall(r'Reply::new\(\d+, "([a-z_]+)"', replies)}


def test_the_operators_guide_names_every_metric_and_no_other(gateway, endings):
    with urllib.request.urlopen(f"{gateway.admin}/stats/prometheus") as response:
        seen = set(re.findall(r"^# TYPE (\S+)", response.read().decode(), re.MULTILINE))
    text = documents.FENCE.sub("", documents.read("docs/operators.md"))
    named = set(re.findall(r"\b(?:tollgate|envoy)_[a-z_]+\b(?!\.wasm)", text))
    exact = {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}
    assert exact <= seen, f"documented, but not there: {exact - seen}"
    ours = {name for name in seen if name.startswith("tollgate_")}
    assert ours <= exact, f"not documented: {ours - exact}"


def test_the_operators_guide_names_every_option():
    command = [os.environ["TOLLGATE_CLI"], "envoy-config", "--help"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    options = set(re.findall(r"^ +(?:-\w, )?(--[a-z0-9-]+)", said, re.MULTILINE)) - {"--help"}
    rows = documents.rows("docs/operators.md", "Options")
    documented = {option.split()[0] for row in rows for option in documents.quoted(row[0])}
    assert documented == options


def test_the_operators_guide_names_every_attribute_of_traces(tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES)
    subprocess.run(
        [os.environ["TOLLGATE_CLI"], "envoy-config", "--policies", tmp_path, "--module", "m.wasm",
         "--upstream", "a:1", "--upstream", "dead=a:1", "--credential", "absent=none",
         "--otlp", "a:1", "--listen", "1", "-o", tmp_path / "envoy"],
        check=True, stdout=subprocess.DEVNULL)
    [listener] = json.loads((tmp_path / "envoy" / "bootstrap.json").read_text())[
        "static_resources"]["listeners"]
    tracing = listener["filter_chains"][0]["filters"][0]["typed_config"]["tracing"]
    tags = {tag["tag"] for tag in tracing["custom_tags"]} - {"http.url"}
    cells = [row[0] for row in documents.rows("docs/operators.md", "OpenTelemetry")]
    assert {name for cell in cells for name in documents.quoted(cell)} == tags
