"""The demo: `run.py tour` shows what the gateway does, `run.py serve` leaves it running.

Both start a real model and a real Envoy, and end them however this ends.
"""

import argparse
import signal
import sys
import time

# Until something is started there is nothing to end: Ctrl-C just ends us, imports included.
signal.signal(signal.SIGINT, signal.SIG_DFL)

import openai

import tour
from processes import StackError, end_on_signals
from stack import ROOT, Gateway, running


def main() -> int:
    arguments = parse_arguments()
    end_on_signals()
    try:
        with running(ROOT / "policies", arguments.port, tell=print) as gateway:
            if arguments.command == "tour":
                tour.run(gateway)
            else:
                serve(gateway)
    except (StackError, tour.Unexpected, openai.OpenAIError) as error:
        print(f"\ndemo: {error}", *error.__notes__, sep="\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: everything that was started has been stopped.")
        return 130
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["tour", "serve"])
    parser.add_argument("--port", type=int, default=0, help="the gateway's port (0: a free one)")
    return parser.parse_args()


def serve(gateway: Gateway) -> None:
    key = tour.example_keys()[tour.PAYMENTS_KEY]
    print(f"""
A chat:
  curl {gateway.url}/v1/chat/completions \\
    -H 'Authorization: Bearer {key}' \\
    -H 'Content-Type: application/json' \\
    -d '{{"model": "{tour.MODEL}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'

An OpenAI SDK:
  export OPENAI_BASE_URL={gateway.url}/v1
  export OPENAI_API_KEY={key}

An Anthropic SDK:
  export ANTHROPIC_BASE_URL={gateway.url}
  export ANTHROPIC_API_KEY={key}

Metrics:     {gateway.admin}/stats/prometheus
Access log:  {gateway.access_log}

Ctrl-C stops it.""", flush=True)
    try:
        while True:
            for program in gateway.programs:
                program.check()
            time.sleep(0.2)
    except KeyboardInterrupt:
        print("\nStopping.")


if __name__ == "__main__":
    sys.exit(main())
