"""A user's first request, as the documents of the platform write it down, reaches a model through a real gateway."""

import os
import re
import subprocess
import sys

import pytest

import documents
from endings import KEY
from test_commands import commands

DOCUMENTS = [name for name in documents.every() if name.startswith("docs/platform/")]
# Where the documents say that the API is: a domain as the clusters have it, or a forwarded port.
API = re.compile(r"https://api\.llm\.example\.com|http://localhost:8081")
CURL = [(name, command) for name in DOCUMENTS for _, command in commands(name) if command.startswith("curl ")]
PYTHON = [(name, block.text) for name in DOCUMENTS for block in documents.blocks(name) if block.language == "python"]


def test_the_documents_have_such_requests():
    assert len(CURL) > 1 and PYTHON


@pytest.mark.parametrize("document, command", CURL)
def test_by_curl(gateway, document, command):
    said = run(gateway, ["bash", "-c", command.replace("curl ", "curl --silent --show-error --fail-with-body ", 1)])
    assert "Paris" in said, said


@pytest.mark.parametrize("document, program", PYTHON)
def test_by_the_openai_sdk(gateway, document, program):
    assert "Paris" in run(gateway, [sys.executable, "-c", program])


def run(gateway, command: list[str]) -> str:
    """With the tests' gateway and key in place of the document's."""
    assert API.search(command[-1]), command
    command[-1] = API.sub(gateway.url, command[-1])
    done = subprocess.run(command, env=os.environ | {"TOLLGATE_KEY": KEY}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
