"""What unmodified SDKs make of refusals: they try again when that helps, and only then."""

import anthropic
import openai
import pytest

import metrics

QUESTION = [{"role": "user", "content": "Write one sentence about the sea."}]


def ask_openai(gateway, key: str, **asked):
    sdk = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=5, timeout=60)
    return sdk.chat.completions.create(messages=QUESTION, **asked)


def ask_anthropic(gateway, key: str, **asked):
    sdk = anthropic.Anthropic(base_url=gateway.url, auth_token=key, max_retries=5, timeout=60)
    return sdk.messages.create(messages=QUESTION, **asked)


SDKS = pytest.mark.parametrize("name, ask, error", [
    ("openai", ask_openai, openai.RateLimitError),
    ("anthropic", ask_anthropic, anthropic.RateLimitError),
])


@SDKS
def test_a_budget_that_is_used_up_is_asked_once(gateway, name, ask, error):
    key = f"sk-sdk-tests-thrifty-{name}"
    ask(gateway, key, model="priced", max_tokens=36)
    before = metrics.refusals(gateway.admin)
    with pytest.raises(error) as raised:
        ask(gateway, key, model="priced", max_tokens=36)
    assert metrics.refusals(gateway.admin) - before == {"insufficient_quota": 1}
    limit = raised.value.body["limit"] if name == "openai" else raised.value.body["error"]["limit"]
    assert limit["scope"] == f"key:sdk-tests/limited/thrifty-{name}"
    assert limit["amount"] == "0.0001"
    assert int(raised.value.response.headers["retry-after"]) > 0


@SDKS
def test_a_rate_is_asked_again_when_it_has_room(gateway, name, ask, error):
    key = f"sk-sdk-tests-slow-{name}"
    before = metrics.refusals(gateway.admin)
    for _ in range(2):
        ask(gateway, key, model="small", max_tokens=1)
    assert metrics.refusals(gateway.admin) - before == {"rate_limit_exceeded": 1}
