"""The SDKs as they come, through a real Envoy with the real module, to llama.cpp's own server.

The server serves every API that is asked for here, so nothing is recorded or played.
"""

import time
from collections import Counter
from pathlib import Path

import anthropic
import openai
import pytest

import metrics
from stack import Gateway, running

KEY = "sk-sdk-tests-editor-key"


@pytest.fixture(scope="session")
def gateway():
    with running(Path(__file__).parent / "policies") as gateway:
        yield gateway


@pytest.fixture(scope="session")
def openai_sdk(gateway: Gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0, timeout=60)


@pytest.fixture(scope="session")
def anthropic_sdk(gateway: Gateway) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0, timeout=60)


@pytest.fixture(scope="session")
def server_sdk(gateway: Gateway) -> openai.OpenAI:
    """The SDK without the gateway, straight to the server: what must come out the same."""
    return openai.OpenAI(base_url=f"{gateway.model_server}/v1", api_key="none", max_retries=0)


@pytest.fixture
def metered(gateway: Gateway):
    """Asserts how many tokens of each kind the metrics have counted since the test began."""
    before = metrics.tokens(gateway.admin)

    def check(model: str, **expected: int) -> None:
        # A stream is settled when Envoy is done with it, which may be just after the client is.
        deadline = time.monotonic() + 5
        while (counted := since(before, model)) != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        assert counted == expected

    def since(before: Counter, model: str) -> dict[str, int]:
        grown = metrics.tokens(gateway.admin) - before
        assert all(account[:3] == ("sdk-tests", "editors", model) for account in grown)
        return {account[3]: count for account, count in grown.items()
                if account[3] in ("prompt", "completion")}

    return check
