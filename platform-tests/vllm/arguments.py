"""Reads lists of arguments of `vllm serve`, as JSON on its input, by vLLM's own parser; run with vLLM's
Python. Ends with the parser's complaint if it has one."""

import json
import sys

from vllm.entrypoints.openai.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.utils.argparse_utils import FlexibleArgumentParser

for arguments in json.load(sys.stdin):
    parsed = make_arg_parser(FlexibleArgumentParser(prog=" ".join(arguments))).parse_args(arguments)
    validate_parsed_serve_args(parsed)
