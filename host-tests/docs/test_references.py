"""A path that a document names is there, and so is the test that it names with `::`."""

import re
from pathlib import Path

import pytest

import documents
from stack import ROOT

PATH = re.compile(r"`((?:crates|demo|docs|fuzz|host-tests|manifests|platform-tests|plugins|policies|scripts|substrate)/[^`\s]+)`")
# What a command writes into a fork.
WRITTEN = ("policies/organizations/platform.yaml",)
# A part that stands for something else, such as NAME.
PLACEHOLDER = re.compile(r"[A-Z]{3,}|\.\.\.|[*{<$]")


@pytest.mark.parametrize("document", documents.every())
def test_what_a_document_names_is_there(document):
    missing = []
    for name in PATH.findall(documents.read(document)):
        path, _, test = name.partition("::")
        if PLACEHOLDER.search(path) and not path.endswith("README.md") or path.endswith(WRITTEN):
            continue
        found = place(document, path)
        if found is None or test and f"def {test}(" not in found.read_text() and f"fn {test}(" not in found.read_text():
            missing.append(name)
    assert missing == []


def place(document: str, path: str) -> Path | None:
    """From the top, from where the document is, or from a cluster's folder."""
    found = [ROOT / path, (ROOT / document).parent / path, *(ROOT / "manifests/clusters").glob(f"*/{path}")]
    return next((candidate for candidate in found if candidate.exists()), None)
