"""How often Python looks for garbage while a command runs.

A command lives for seconds and keeps what it imports. Python's collector looks through the half million objects of
MLflow, scikit-learn and pandas again and again while they are imported, and once more when the process ends: that was
two fifths of the processor time of `vouch train`.
"""

from __future__ import annotations

import gc
from typing import Final

_USUAL: Final = gc.get_threshold()
_SELDOM: Final = (100_000, 20, 100)


def collect_seldom() -> None:
    """For a command that ends soon."""
    gc.set_threshold(*_SELDOM)


def collect_as_usual() -> None:
    """For a command that goes on, such as a service."""
    gc.set_threshold(*_USUAL)


def leave_the_rest() -> None:
    """At the end: the system takes the memory back at once, and nothing is left that would have to be closed."""
    gc.freeze()
