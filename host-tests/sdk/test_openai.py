"""OpenAI's Python SDK, unmodified. Usage is checked twice: what the SDK is told, what we count."""

import asyncio

import openai
import pytest

QUESTION = [{"role": "user", "content": "Write one sentence about the sea."}]
BRIEF = {"max_tokens": 12, "temperature": 0}
FIM = {"prompt": "def add(a, b):", "suffix": "\n    return c", "max_tokens": 8, "temperature": 0}


def test_chat(openai_sdk, metered):
    answer = openai_sdk.chat.completions.create(model="small", messages=QUESTION, **BRIEF)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 12
    metered("small", prompt=answer.usage.prompt_tokens, completion=12)


def test_chat_by_an_alias_reaches_the_served_model(openai_sdk, metered):
    answer = openai_sdk.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, **BRIEF)
    assert answer.model == "smollm2-135m-instruct"
    metered("small", prompt=answer.usage.prompt_tokens, completion=12)


def test_streamed_chat(openai_sdk, metered):
    asked = {"model": "small", "messages": QUESTION, **BRIEF}
    chunks = list(openai_sdk.chat.completions.create(stream=True, **asked))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks), "no usage was asked for"
    assert text_of(chunks)
    assert chunks[-1].choices[0].finish_reason == "length"
    usage = openai_sdk.chat.completions.create(**asked).usage
    metered("small", prompt=2 * usage.prompt_tokens, completion=2 * usage.completion_tokens)


def test_streamed_chat_with_usage(openai_sdk, metered):
    *chunks, last = list(openai_sdk.chat.completions.create(
        model="small", messages=QUESTION, stream=True,
        stream_options={"include_usage": True}, **BRIEF))
    assert text_of(chunks)
    assert last.choices == []
    assert last.usage.completion_tokens == 12
    metered("small", prompt=last.usage.prompt_tokens, completion=12)


def test_the_sdks_own_reader_of_streams(openai_sdk):
    colors = [{"role": "user", "content": "Name three colors."}]
    with openai_sdk.chat.completions.stream(
            model="small", messages=colors, max_tokens=200, temperature=0) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_completion()
    assert "content.delta" in kinds and kinds[-1] == "content.done"
    assert answer.choices[0].message.content


def test_completion_with_a_suffix_that_passes_as_it_is(openai_sdk, metered):
    answer = openai_sdk.completions.create(model="small", **FIM)
    assert answer.choices[0].text
    metered("small", prompt=answer.usage.prompt_tokens, completion=8)


def test_completion_with_a_suffix_that_becomes_one_prompt(openai_sdk, server_sdk, metered):
    answer = openai_sdk.completions.create(model="vendor/code", **FIM)
    as_one_prompt = {"prompt": f"<PRE>{FIM['prompt']}<SUF>{FIM['suffix']}<MID>"}
    expected = server_sdk.completions.create(model="any", **{**FIM, **as_one_prompt})
    assert answer.choices[0].text
    assert answer.usage.prompt_tokens == expected.usage.prompt_tokens
    metered("vendor/code", prompt=answer.usage.prompt_tokens, completion=8)


def test_embeddings(openai_sdk, metered):
    answer = openai_sdk.embeddings.create(model="small", input=["one", "two words"])
    assert [len(each.embedding) for each in answer.data] == [576, 576]
    metered("small", prompt=answer.usage.prompt_tokens)


def test_response(openai_sdk, metered):
    answer = openai_sdk.responses.create(
        model="small", input="Say hello.", max_output_tokens=12, temperature=0)
    assert answer.output_text
    assert answer.usage.output_tokens > 0
    metered("small", prompt=answer.usage.input_tokens, completion=answer.usage.output_tokens)


def test_streamed_response(openai_sdk, metered):
    events = list(openai_sdk.responses.create(
        model="small", input="Say hello.", max_output_tokens=12, temperature=0, stream=True))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == events[-1].response.output_text
    usage = events[-1].response.usage
    metered("small", prompt=usage.input_tokens, completion=usage.output_tokens)


def test_models(openai_sdk):
    models = {model.id: model for model in openai_sdk.models.list()}
    assert sorted(models) == ["small", "vendor/code"]
    small = models["small"]
    assert (small.object, small.owned_by) == ("model", "huggingface")
    assert (small.max_model_len, small.max_output_tokens) == (2048, 512)


def test_one_model(openai_sdk):
    assert openai_sdk.models.retrieve("small").id == "small"
    assert openai_sdk.models.retrieve("vendor/code").id == "vendor/code"


@pytest.mark.parametrize("model", ["forbidden", "nothing-like-it"])
def test_a_model_outside_the_list_is_not_found(openai_sdk, model):
    with pytest.raises(openai.NotFoundError) as refusal:
        openai_sdk.models.retrieve(model)
    assert refusal.value.code == "model_not_found"


def test_an_unknown_key(gateway):
    sdk = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-unknown", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as refusal:
        sdk.chat.completions.create(model="small", messages=QUESTION)
    assert refusal.value.code == "invalid_api_key"


def test_a_forbidden_model(openai_sdk):
    with pytest.raises(openai.PermissionDeniedError) as refusal:
        openai_sdk.chat.completions.create(model="forbidden", messages=QUESTION)
    assert refusal.value.code == "model_not_allowed"
    assert "forbidden" in refusal.value.body["message"]


def test_a_response_that_goes_on_from_stored_state(openai_sdk):
    with pytest.raises(openai.BadRequestError) as refusal:
        openai_sdk.responses.create(model="small", input="Go on.", previous_response_id="resp_1")
    assert refusal.value.code == "stateful_responses_disabled"


def test_an_error_of_the_server_passes(openai_sdk, server_sdk):
    """A wrong-shaped message is the server's to refuse, in its own words."""
    errors = []
    for sdk in (openai_sdk, server_sdk):
        with pytest.raises(openai.APIStatusError) as error:
            sdk.chat.completions.create(model="small", messages=[{"role": "user"}])
        errors.append((error.value.status_code, error.value.body))
    assert errors[0] == errors[1]


def test_many_at_once(openai_sdk, metered):
    async def ask_all() -> list:
        url, key = str(openai_sdk.base_url), openai_sdk.api_key
        async with openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=0) as sdk:
            return await asyncio.gather(*(
                sdk.completions.create(model="small", prompt=f"{number} is", **BRIEF)
                for number in range(8)))

    answers = asyncio.run(ask_all())
    assert all(answer.choices[0].text for answer in answers)
    metered("small", prompt=sum(answer.usage.prompt_tokens for answer in answers),
            completion=sum(answer.usage.completion_tokens for answer in answers))


def text_of(chunks) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
