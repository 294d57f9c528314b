"""Record what turned out to be true about a prediction."""

from __future__ import annotations

from datetime import UTC, datetime

from vouchml.ledger.leaf import read_leaf
from vouchml.ledger.outcome import class_called, outcome_record
from vouchml.ledger.search import prediction_of
from vouchml.project.open_ledger import reading, write
from vouchml.project.recorded_versions import RecordedVersions
from vouchml.settings import Settings


def record_outcome(settings: Settings, name: str, label: str, *, row: int | None, who: str) -> int:
    """Append the outcome `label` of the prediction `name`; the place of its record.

    Raises:
        RecordNotFound, RecordAmbiguous: no prediction is meant, or several are.
        OutcomeRefused: the model that answered has no such label.
        VersionNotFound, RegistryUnreachable, BundleInvalid: nothing says which labels that model has.
        LedgerInvalid, LedgerUnavailable: the ledger cannot be read or written.
    """
    with reading(settings) as store:
        place = prediction_of(store, name, row=row)
        prediction = read_leaf(store.entry(place).leaf)
    contract = RecordedVersions(settings).bundle(prediction["served"]).contract
    true = class_called(contract, label)
    return write(settings, outcome_record(place, prediction, true, who=who, time=datetime.now(UTC))).first_index
