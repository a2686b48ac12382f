"""llama.cpp's own HTTP server on loopback, as a child process that ends with its parent.

Run by path, not by `-m`: it needs nothing of this package. It reads one line of JSON from standard input,
`{"model": PATH, "api_key": KEY, ...}` (see `serve`), answers with one line, `{"address": URL}`, and exits
when standard input closes, which it does however the parent ends.

A process of its own, because llama.cpp ends its process on some inputs, and because its server, destroyed
while it answers, was seen to hang or crash the interpreter at exit. Here that can't cost a user their
variables.
"""

import json
import os
import sys
from typing import Any

import xllamacpp


def serve(
    *,
    model: str,
    api_key: str | None = None,
    name: str | None = None,
    projector: str | None = None,
    context_tokens: int = 8192,
    threads: int = 0,
    port: int = 0,
    parallel: int = 1,
    answer_tokens: int = -1,
) -> Any:
    """Load a model and listen on loopback; the returned server lives as long as it is held.

    Args:
        model: path of a .gguf file.
        api_key: what requests have to carry; None lets every local user in.
        name: what the model is called in answers.
        projector: path of a .gguf audio projector, with which the server takes `input_audio`.
        context_tokens: longest conversation.
        threads: 0 for one per core that this process may use.
        port: 0 for any free one.
        parallel: requests answered at a time.
        answer_tokens: longest answer where a request sets no limit, -1 for none.
    """
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.n_ctx = context_tokens
    parameters.n_batch = 256  # a cancelled prompt stops after a batch at the latest
    parameters.n_parallel = parallel
    parameters.n_predict = answer_tokens
    parameters.verbosity = 0
    parameters.ui = False
    parameters.port = port
    parameters.cpuparams.n_threads = threads or _usable_cores()
    if api_key:
        parameters.api_keys = [api_key]
    if name:
        parameters.model_alias = {name}
    if projector:
        parameters.mmproj.path = projector
    return xllamacpp.Server(parameters)


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """Serve until standard input closes."""
    answers = os.fdopen(os.dup(1), "w")  # nobody else writes there, whatever llama.cpp prints
    os.dup2(2, 1)
    try:
        server = serve(**json.loads(sys.stdin.readline()))
        answer = {"address": server.listening_address}
    except Exception as error:
        answer = {"error": str(error)}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
    sys.stdin.read()
    os._exit(0)  # without destructors: one that runs during an answer hangs


if __name__ == "__main__":
    main()
