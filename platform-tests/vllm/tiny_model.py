"""A model with the shape of a real one and no weights: `tiny_model.py FOLDER`, run with vLLM's Python.

vLLM fills it with random numbers (`--load-format=dummy`), so that nothing is downloaded."""

import sys
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, PreTrainedTokenizerFast

CHAT = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant:"


def main() -> None:
    folder = Path(sys.argv[1])
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*alphabet, "<end>"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", chat_template=CHAT)
    fast.save_pretrained(folder)
    config = LlamaConfig(
        architectures=["LlamaForCausalLM"], hidden_size=128, intermediate_size=256, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, head_dim=64, vocab_size=512,
        max_position_embeddings=65536, eos_token_id=vocabulary["<end>"], bos_token_id=None, dtype="bfloat16",
    )  # fmt: skip
    config.save_pretrained(folder)


if __name__ == "__main__":
    main()
