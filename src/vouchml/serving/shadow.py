"""Score requests a second time with a version that answers nobody, and count how often the label would differ.

It runs in a thread of its own, off the path of replies. When it falls behind, comparisons are skipped and counted;
no request ever waits for it.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vouchml.model import Contract
from vouchml.serving.following.served_model import ServedModel
from vouchml.serving.metrics import WorkerMetrics

WAITING: Final = 1_000


@dataclass(frozen=True, eq=False)
class _Comparison:
    shadow: ServedModel
    rows: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    contract: Contract


class Shadow:
    """Compares what was answered with what the shadow would have answered."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._metrics = metrics
        self._waiting: queue.Queue[_Comparison | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None

    def compare(
        self,
        shadow: ServedModel,
        rows: NDArray[np.float64],
        probabilities: NDArray[np.float64],
        contract: Contract,
    ) -> None:
        """Have `rows` scored by `shadow` later; `contract` is that of the version that answered."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="vouchml-shadow", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(_Comparison(shadow, rows, probabilities, contract))
        except queue.Full:
            self._metrics.shadow("skipped", len(rows))

    def stop(self) -> None:
        """Finish what waits, and end."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (comparison := self._waiting.get()) is not None:
            try:
                theirs = comparison.shadow.scorer.positive_probability(comparison.rows)
            # Whatever its library raises, it must not end the comparisons.
            except Exception:  # noqa: BLE001
                self._metrics.shadow("failed", len(comparison.rows))
                continue
            differ = (theirs >= comparison.shadow.contract.threshold) != (
                comparison.probabilities >= comparison.contract.threshold
            )
            disagreed = int(np.count_nonzero(differ))
            self._metrics.shadow("disagreed", disagreed)
            self._metrics.shadow("agreed", len(differ) - disagreed)
