"""The test rows of a recorded run, found again in the table: the rows that its model has not seen.

Nothing is taken on trust that can be checked: the manifest must be about this contract, the table must be the one that
both name, and the split that the manifest describes must give the rows whose digest it holds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from vouchml.data import Table, read_table, split_rows
from vouchml.errors import EvidenceMismatch, TableChanged
from vouchml.governance.evidence import Bools
from vouchml.model import Bundle
from vouchml.settings import DataSettings, Probability


class _Part(BaseModel):
    """A part of the manifest; there is more in it than the gate needs."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Training(_Part):
    test_size: Probability
    random_state: int


class _Settings(_Part):
    data: DataSettings
    training: _Training


class _Data(_Part):
    bytes_sha256: str
    content_sha256: str


class _Split(_Part):
    train_rows_sha256: str
    test_rows_sha256: str


class Manifest(_Part):
    """What the gate needs of `run_manifest.json`: which table, which split, which contract."""

    format: Literal["vouchml-run-manifest-v1"]
    contract_sha256: str
    settings: _Settings
    data: _Data
    split: _Split
    evaluation: dict[str, Any]
    parity: dict[str, Any]


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """The table of a run, and which of its rows the model was trained on and is judged on."""

    table: Table
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    test_set_sha256: str

    @property
    def values(self) -> NDArray[np.float64]:
        """The features of the test rows, in the order of the table."""
        return self.table.values[self.test]

    @property
    def targets(self) -> NDArray[Any]:
        """The true classes of the test rows."""
        return self.table.targets[self.test]

    @property
    def row_ids(self) -> NDArray[np.int64]:
        """Which data rows of the file these are, from 0."""
        return self.table.row_ids[self.test]

    @property
    def trained_row_ids(self) -> NDArray[np.int64]:
        """Which data rows of the file the model was trained on, from 0."""
        return self.table.row_ids[self.train]

    def is_positive(self, value: int | str) -> Bools:
        """Which test rows are of the class with this target value."""
        return np.asarray(self.targets == value, dtype=np.bool_)


def parse_manifest(content: bytes, *, of: str) -> Manifest:
    """Read the manifest `of` a version.

    Raises:
        EvidenceMismatch: it is not a run manifest.
    """
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise EvidenceMismatch(f"The manifest of {of} is not a run manifest.", remedy=_TRAIN_AGAIN) from error


def find_judged_rows(path: Path, manifest: Manifest, bundle: Bundle, *, of: str) -> JudgedRows:
    """Find the test rows of the run behind `bundle` in the table at `path`.

    Raises:
        TableUnreadable, TableInvalid: the table cannot be read.
        TableChanged: it is not the table of the run.
        EvidenceMismatch: manifest, contract and table do not belong together.
    """
    contract = bundle.contract
    if manifest.contract_sha256 != hashlib.sha256(contract.to_bytes()).hexdigest():
        raise EvidenceMismatch(f"The manifest of {of} is about another contract.", remedy=_TRAIN_AGAIN)
    if contract.data_sha256 != manifest.data.bytes_sha256:
        raise EvidenceMismatch(f"The manifest of {of} names another table than its contract.", remedy=_TRAIN_AGAIN)
    table = read_table(path, manifest.settings.data)
    if table.bytes_sha256 != contract.data_sha256:
        raise TableChanged(
            f"{table.file} is not the table that {of} was trained and tested on: its SHA-256 is {table.bytes_sha256}, "
            f"recorded is {contract.data_sha256}.",
            remedy="Find that table, or train a version on this one: vouch train",
        )
    training = manifest.settings.training
    split = split_rows(table, test_size=training.test_size, random_state=training.random_state)
    recorded = (manifest.split.train_rows_sha256, manifest.split.test_rows_sha256)
    if (split.train_rows_sha256, split.test_rows_sha256) != recorded or table.names != contract.feature_names:
        raise EvidenceMismatch(
            f"The split that the manifest of {of} describes does not give the rows that it records.",
            remedy="Install the scikit-learn that it was trained with (environment.txt of the run), or train it again.",
        )
    return JudgedRows(table, split.train, split.test, digest_of_test_set(manifest))


def digest_of_test_set(manifest: Manifest) -> str:
    """One digest of a table's content and of which of its rows are tested on.

    The digest of the rows alone is that of their numbers, which are the same in any table of that length.
    """
    text = f"{manifest.data.content_sha256} {manifest.split.test_rows_sha256}"
    return hashlib.sha256(text.encode()).hexdigest()


_TRAIN_AGAIN = "Train the version again: vouch train"
