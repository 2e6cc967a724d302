"""A path that a document names is there, and so is the test that it names with `::`."""

import re

import pytest

import documents
from stack import ROOT

PATH = re.compile(r"`((?:crates|demo|docs|fuzz|host-tests|manifests|platform-tests|plugins|policies|scripts|substrate)/[^`\s]+)`")
# A part that stands for something else, such as NAME.
PLACEHOLDER = re.compile(r"[A-Z]{3,}|\.\.\.|[*{<$]")


@pytest.mark.parametrize("document", documents.every())
def test_what_a_document_names_is_there(document):
    missing = []
    for name in PATH.findall(documents.read(document)):
        path, _, test = name.partition("::")
        if PLACEHOLDER.search(path) and not path.endswith("README.md"):
            continue
        # From the top, or from where the document is.
        beside = (ROOT / document).parent / path
        found = ROOT / path if (ROOT / path).exists() else beside
        if not found.exists() or test and f"def {test}(" not in found.read_text() and f"fn {test}(" not in found.read_text():
            missing.append(name)
    assert missing == []
