"""How long JSON decoding alone takes: `python -m benchmarks.serving.programs.decode_alone FILE TIMES`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec


def main() -> None:
    """Print the median seconds of each decoder as JSON."""
    body, times = Path(sys.argv[1]).read_bytes(), int(sys.argv[2])
    decoders: dict[str, Callable[[bytes], Any]] = {"json.loads": json.loads, "msgspec": msgspec.json.decode}
    print(json.dumps({name: median(_seconds(decode, body) for _ in range(times)) for name, decode in decoders.items()}))


def _seconds(decode: Callable[[bytes], Any], body: bytes) -> float:
    began = time.perf_counter()
    document = decode(body)
    taken = time.perf_counter() - began
    del document
    return taken


if __name__ == "__main__":
    main()
