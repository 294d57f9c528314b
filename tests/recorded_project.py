"""A project whose ledger holds real predictions, without a service: the same records, made by the same code."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from tests.own_copy import own_copy

from vouchml.data import read_table
from vouchml.ledger.open import open_for_writing
from vouchml.ledger.prediction import Asked, PredictionRecords, Subject
from vouchml.ledger.record import Record, RecordType, event
from vouchml.model import Bundle, load_scorer
from vouchml.model.contract import CONTRACT_FILE
from vouchml.project.open_ledger import write
from vouchml.registry import ModelRegistry
from vouchml.serving.following.bundle_cache import BundleCache
from vouchml.settings import Settings
from vouchml.trust.key_ring import KeyRing

WORKER = "host:1"


@dataclass(frozen=True)
class RecordedProject:
    """Its settings. Version 1 has answered five requests of one row, and one of four."""

    settings: Settings

    @property
    def folder(self) -> Path:
        return self.settings.root


def recorded_project(source: Path, folder: Path) -> RecordedProject:
    """Copy, say that version 1 was promoted, load it, and record what it answers to the first rows of the table."""
    settings = own_copy(source, folder)
    KeyRing(settings.signing_keys_folder, settings.trust_store_path).add_development_keys()
    subject, bundle = _answering(settings)
    scorer, now = load_scorer(bundle), datetime.now(UTC)
    moved = {"from_version": None, "to_version": "1", "name": subject.name, "who": "Ada Smith", "why": "the first"}
    promotion = event(RecordType.PROMOTION, moved, time=now)
    loaded = event(
        RecordType.MODEL_LOADED, {"role": "champion", "served": subject.to_dict(), "worker": WORKER}, time=now
    )
    rows = read_table(settings.data_path, settings.data).values
    maker = PredictionRecords(subject, bundle.contract, role="champion", worker=WORKER)
    records = [
        maker.one(
            Asked("predict", "a caller", f"request-{n}", prediction_id(n)),
            rows[n],
            scorer.positive_probability_of_one(rows[n]),
            (),
        )
        for n in range(5)
    ]
    batch = Asked("predict_batch", None, "many", prediction_id(9))
    many = maker.many(batch, rows[:4], scorer.positive_probability(rows[:4]), None)
    write(settings, promotion, loaded, *records, *many)
    return RecordedProject(settings)


def prediction_id(number: int) -> str:
    """As long as a real one."""
    return f"{number:032x}"


def append(settings: Settings, *records: Record) -> int:
    """Append without a checkpoint, as a service does most of the time; the place of the first."""
    store, _ = open_for_writing(settings)
    with closing(store):
        return store.append(records, sign=lambda _: None).first_index


def _answering(settings: Settings) -> tuple[Subject, Bundle]:
    """Version 1, as a service would name it."""
    registry = ModelRegistry.connect(settings.tracking_uri)
    version = registry.version(settings.project.registered_model, "1")
    bundle = BundleCache(settings.private_folder / "bundles").obtain(lambda place: registry.fetch(version, place))
    subject = Subject(
        name=version.name,
        version=str(version.number),
        run=version.run_id,
        model=bundle.digest,
        contract=sha256((bundle.folder / CONTRACT_FILE).read_bytes()).hexdigest(),
        data=bundle.contract.data_sha256,
        decision=None,
    )
    return subject, bundle
