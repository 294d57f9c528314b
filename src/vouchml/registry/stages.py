"""MLflow warns at each use of a stage that stages will go; our users have them, so we say it once, in the docs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_about_stages() -> Iterator[None]:
    """Silence MLflow's FutureWarning about stages, and nothing else."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=".*stages.*|.*transition_model_version_stage.*", category=FutureWarning
        )
        yield
