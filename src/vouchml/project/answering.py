"""Ask what answers at an address, without waiting for long and without sending it anything.

```python
service_at("http://127.0.0.1:8000")  # Answering(model="breast_cancer_classifier", version="3")
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import httpx

ANSWERS_WITHIN_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Answering:
    """A vouchml service: the registered model that it follows, and the version that it has loaded, if any."""

    model: str
    version: str | None


def service_at(url: str) -> Answering | None:
    """The vouchml service at `url`; None where nothing answers, or something else."""
    reply = answer_at(f"{url}/health")
    if reply is None:
        return None
    try:
        health = reply.json()
        model, version = health["model_name"], health["model_version"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(model, str) or not model.isprintable() or not isinstance(version, str | None):
        return None
    return Answering(model, version)


def answer_at(url: str) -> httpx.Response | None:
    """The answer to a GET of `url`; None where there is none in time."""
    try:
        return httpx.get(url, timeout=ANSWERS_WITHIN_SECONDS, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
