"""Anthropic's Python SDK, unmodified. Usage is checked twice: what the SDK is told, what we
count."""

import anthropic
import pytest

QUESTION = [{"role": "user", "content": "Write one sentence about the sea."}]


def test_message(anthropic_sdk, metered):
    answer = anthropic_sdk.messages.create(model="small", messages=QUESTION, max_tokens=12)
    assert answer.content[0].text
    assert answer.usage.output_tokens > 0
    metered("small", **counts(answer.usage))


def test_message_by_an_alias(anthropic_sdk):
    answer = anthropic_sdk.messages.create(
        model="claude-haiku-4-5", messages=QUESTION, max_tokens=4)
    assert answer.model == "smollm2-135m-instruct"


def test_streamed_message(anthropic_sdk, metered):
    with anthropic_sdk.messages.stream(
            model="small", messages=QUESTION, max_tokens=12) as stream:
        text = "".join(stream.text_stream)
        answer = stream.get_final_message()
    assert text and text == answer.content[0].text
    metered("small", **counts(answer.usage))


def test_token_count(anthropic_sdk, metered):
    count = anthropic_sdk.messages.count_tokens(model="small", messages=QUESTION)
    assert count.input_tokens > 0
    metered("small")


def test_a_key_as_a_bearer_token(gateway, anthropic_sdk):
    sdk = anthropic.Anthropic(base_url=gateway.url, auth_token=anthropic_sdk.api_key, max_retries=0)
    assert sdk.messages.create(model="small", messages=QUESTION, max_tokens=4).content[0].text


def test_models(anthropic_sdk):
    page = anthropic_sdk.models.list()
    assert [model.id for model in page.data] == ["small", "vendor/code"]
    assert all(model.type == "model" for model in page.data)
    assert not page.has_more


def test_models_page_by_page(anthropic_sdk):
    assert [model.id for model in anthropic_sdk.models.list(limit=1)] == ["small", "vendor/code"]


def test_one_model(anthropic_sdk):
    model = anthropic_sdk.models.retrieve("vendor/code")
    assert (model.id, model.type) == ("vendor/code", "model")


def test_an_unknown_key(gateway):
    sdk = anthropic.Anthropic(base_url=gateway.url, api_key="sk-unknown", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError) as refusal:
        sdk.messages.create(model="small", messages=QUESTION, max_tokens=4)
    error = refusal.value
    assert error.body["type"] == "error"
    assert error.body["error"]["type"] == "authentication_error"
    assert error.body["request_id"] in error.body["error"]["message"]


def test_a_forbidden_model(anthropic_sdk):
    with pytest.raises(anthropic.PermissionDeniedError) as refusal:
        anthropic_sdk.messages.create(model="forbidden", messages=QUESTION, max_tokens=4)
    assert refusal.value.body["error"]["type"] == "permission_error"


def counts(usage) -> dict[str, int]:
    """Anthropic's input tokens leave out those read from a cache; a prompt is both."""
    prompt = usage.input_tokens + (usage.cache_read_input_tokens or 0)
    return {"prompt": prompt, "completion": usage.output_tokens}
