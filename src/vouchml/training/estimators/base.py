"""What an estimator of `[model] estimator` is: a name, the scikit-learn class behind it, and what may be said about it.

Adding one: a file beside this one with an `Estimator`, and a line in `table.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: Parameters that no estimator takes from `[model.parameters]`, each with the reason that the user reads.
WITHHELD: Mapping[str, str] = {
    "random_state": "it is set by [training] random_state, so that one seed governs the whole run",
    "n_jobs": "vouchml runs on one thread: threads add numbers in the order in which they finish, "
    "and two runs would not give the same probabilities to the last bit",
    "verbose": "it prints into the output of vouch train; what scikit-learn warns of is in the report",
    "warm_start": "every run starts from nothing, so that the manifest alone is enough to repeat it",
}


@dataclass(frozen=True)
class Estimator:
    """One classifier that `vouch train` can fit.

    `make` imports scikit-learn when it is called, never before, and returns the unfitted classifier with
    scikit-learn's defaults. `defaults` are ours where they differ; `fixed` cannot be changed by a user.
    """

    name: str
    make: Callable[[], Any]
    scaled: bool
    defaults: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    withheld: Mapping[str, str] = field(default_factory=dict)

    def why_withheld(self, parameter: str) -> str | None:
        """The reason why `parameter` cannot be set, or None where it can."""
        return self.withheld.get(parameter) or WITHHELD.get(parameter)
