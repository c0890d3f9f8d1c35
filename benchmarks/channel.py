"""A worker's end of the conversation with its harness; the other end is `process.Worker`."""

from __future__ import annotations

import json
import os
from typing import Any


class Channel:
    """The harness's end of standard input and output, which the program itself gets none of."""

    def __init__(self) -> None:
        self._in = os.fdopen(os.dup(0), "r", encoding="utf-8")
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)

    def tell(self, **message: Any) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def listen(self) -> dict[str, Any]:
        line = self._in.readline()
        if not line:
            # The harness is gone: nobody waits for the rest.
            os._exit(1)
        message: dict[str, Any] = json.loads(line)
        return message
