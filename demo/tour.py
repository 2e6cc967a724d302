"""The demo's tour, with the OpenAI SDK as it comes. Each step is checked: one that does not come
out as it should ends the tour with `Unexpected`."""

import textwrap
import time
from collections import Counter

import openai

import metrics
from stack import ROOT, Gateway

# Of policies/ and of example-keys.env, which holds the keys' secrets.
MODEL = "smollm2-135m"
ALIAS = "gpt-4o-mini"
FORBIDDEN_MODEL = "research-preview"
PAYMENTS_KEY = "TOLLGATE_KEY_PAYMENTS_CI"
EXPIRED_KEY = "TOLLGATE_KEY_PAYMENTS_CI_2025"
TRIAL_KEY = "TOLLGATE_KEY_PAYMENTS_TRIAL"
PLATFORM_KEY = "TOLLGATE_KEY_PLATFORM_ADA"
RESEARCH_KEY = "TOLLGATE_KEY_RESEARCH_NOTEBOOK"
PAYMENTS = ("acme", "payments")
PLATFORM = ("acme", "platform")
RESEARCH = ("globex", "research")

WIDTH = 96


class Unexpected(Exception):
    """A step came out wrong. Its text says what was expected and what came."""


def run(gateway: Gateway) -> None:
    keys = example_keys()
    payments = client(gateway, keys[PAYMENTS_KEY])
    used = Counter()  # what the SDK was told, by (organization, team, kind)

    title("A chat", f"a pipeline of acme/payments asks for {ALIAS}, an alias of {MODEL}")
    used += chat(payments, PAYMENTS)
    title("A streamed chat", "ada of acme/platform; tokens as they arrive")
    used += streamed_chat(client(gateway, keys[PLATFORM_KEY]), PLATFORM)
    title("A completion", "a notebook of globex/research")
    used += completion(client(gateway, keys[RESEARCH_KEY]), RESEARCH)
    title("A key's models", "what acme/payments may use")
    model_list(payments)

    title("Refused", "an expired key, a model that is not allowed, an endpoint that is not metered")
    expired = client(gateway, keys[EXPIRED_KEY])
    refused(401, "invalid_api_key", lambda: ask(expired, MODEL))
    refused(403, "model_not_allowed", lambda: ask(payments, FORBIDDEN_MODEL))
    refused(404, "unsupported_endpoint", payments.files.list)

    title("A budget that runs out", "acme/payments' trial key may spend 0.00005 dollars a day")
    used += until_spent(client(gateway, keys[TRIAL_KEY]), PAYMENTS)

    title("What each team used and spent",
          "from Envoy's own metrics; tokens are what the SDK was told")
    usage_by_team(gateway, used)


def example_keys() -> dict[str, str]:
    """The secrets of the keys in policies/, by name."""
    lines = (ROOT / "demo" / "example-keys.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def client(gateway: Gateway, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0, timeout=60)


# --- what is answered


def chat(sdk: openai.OpenAI, team: tuple) -> Counter:
    answer = ask(sdk, ALIAS, "What is the capital of France? Answer in one sentence.")
    text = answer.choices[0].message.content
    expect("an answer that names Paris", "Paris" in text, text)
    show(text)
    return counted(team, answer.usage)


def streamed_chat(sdk: openai.OpenAI, team: tuple) -> Counter:
    stream = ask(sdk, MODEL, "Write one sentence about the sea.",
                 stream=True, stream_options={"include_usage": True})
    started, arrivals, column, usage = time.monotonic(), [], 0, None
    print(" " * 4, end="")
    for chunk in stream:
        usage = chunk.usage or usage
        piece = chunk.choices[0].delta.content if chunk.choices else None
        if piece:
            arrivals.append(time.monotonic() - started)
            column = show_piece(piece, column)
    print()
    expect("a stream of several pieces", len(arrivals) > 5, f"{len(arrivals)} pieces")
    first, last = arrivals[0], arrivals[-1]
    show(f"{len(arrivals)} pieces, the first after {first:.2f} s, the last after {last:.2f} s")
    expect("pieces that arrive one by one", last - first > 0.02, "all at once")
    return counted(team, usage)


def completion(sdk: openai.OpenAI, team: tuple) -> Counter:
    prompt = "Once upon a time,"
    answer = sdk.completions.create(model=MODEL, prompt=prompt, max_tokens=24, temperature=0)
    text = answer.choices[0].text
    expect("a text that goes on", text.strip() != "", text)
    show(f"{prompt}{text} ...")
    return counted(team, answer.usage)


def model_list(sdk: openai.OpenAI) -> None:
    models = list(sdk.models.list())
    names = [model.id for model in models]
    expect(f"{MODEL} in the list, {FORBIDDEN_MODEL} not in it",
           MODEL in names and FORBIDDEN_MODEL not in names, names)
    for model in models:
        show(f"{model.id}, owned by {model.owned_by}, context {model.max_model_len} tokens")


def ask(sdk: openai.OpenAI, model: str, question: str = "Hello!", **more):
    messages = [{"role": "user", "content": question}]
    return sdk.chat.completions.create(
        model=model, messages=messages, max_tokens=40, temperature=0, **more)


# --- what is refused


def refused(status: int, code: str, call) -> None:
    """The call must be refused with this status and code."""
    try:
        answer = call()
    except openai.APIStatusError as error:
        expect(f"{status} {code}", (error.status_code, error.code) == (status, code), error)
        show(f"{status} {code}: {error.body['message']}")
    else:
        raise Unexpected(f"expected: {status} {code}; came: {answer}")


def until_spent(sdk: openai.OpenAI, team: tuple) -> Counter:
    """Asks until the budget refuses; what the answers before used."""
    used = Counter()
    for number in range(1, 30):
        try:
            answer = ask(sdk, MODEL, "Count to ten.")
        except openai.RateLimitError as error:
            headers = error.response.headers
            expect("a budget that is used up", error.code == "insufficient_quota", error)
            expect("no automatic retry", headers.get("x-should-retry") == "false", headers)
            show(f"request {number}: {error.status_code} {error.code}: {error.body['message']}")
            return used
        show(f"request {number}: {answer.usage.total_tokens} tokens")
        used += counted(team, answer.usage)
    raise Unexpected(f"expected: a budget that runs out; came: {number} answers")


# --- what was used


def counted(team: tuple, usage) -> Counter:
    expect("a report of usage with tokens in it", usage and usage.completion_tokens > 0, usage)
    return Counter({(*team, "prompt"): usage.prompt_tokens,
                    (*team, "completion"): usage.completion_tokens})


def usage_by_team(gateway: Gateway, used: Counter) -> None:
    """Envoy settles a request when its stream has ended, which may be just after the client's."""
    deadline = time.monotonic() + 2
    while (metered := metered_by_team(gateway)) != used and time.monotonic() < deadline:
        time.sleep(0.05)
    spent = metrics.costs(gateway.admin)
    show(f"{'organization':14}{'team':12}{'prompt tokens':>14}{'completion tokens':>19}{'dollars':>14}")
    for organization, team in sorted({account[:2] for account in metered}):
        prompt, answer = (metered[organization, team, kind] for kind in ("prompt", "completion"))
        dollars = spent[organization, team] / 1e9
        show(f"{organization:14}{team:12}{prompt:14}{answer:19}{dollars:14.9f}")
    expect(f"in the metrics {dict(used)}", metered == used, dict(metered))
    # A prompt that was cached is charged less.
    least = sum(count * (10 if kind == "prompt" else 400) for (*_, kind), count in used.items())
    most = sum(count * (100 if kind == "prompt" else 400) for (*_, kind), count in used.items())
    total = sum(spent.values())
    expect(f"{least} to {most} nano-dollars spent", least <= total <= most, total)


def metered_by_team(gateway: Gateway) -> Counter:
    totals = Counter()
    for (organization, team, _, kind), count in metrics.tokens(gateway.admin).items():
        if kind in ("prompt", "completion"):
            totals[organization, team, kind] += count
    return totals


# --- checking and printing


def expect(what: str, holds: bool, came) -> None:
    if not holds:
        raise Unexpected(f"expected: {what}; came: {came}")


def title(name: str, explanation: str) -> None:
    print(f"\n{name}: {explanation}", flush=True)


def show(text: str) -> None:
    indent = " " * 4
    print(textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent), flush=True)


def show_piece(piece: str, column: int) -> int:
    """Prints a piece of a streamed answer at once; returns the column that it ends in."""
    piece = piece.replace("\n", " ")
    if column + len(piece) > WIDTH - 4 and piece.startswith(" "):
        print("\n   ", end="")
        column = 0
    print(piece, end="", flush=True)
    return column + len(piece)
