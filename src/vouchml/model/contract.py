"""The contract: the exact input columns of a model, its labels, its positive class and its threshold.

It is built at training from the rows that the model was fitted on, stored among the model's files as
`contract.json`, and enforced by every door of the service.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StrictInt, StrictStr, model_validator

from vouchml.canonical_json import LARGEST_EXACT_INTEGER
from vouchml.errors import BundleInvalid
from vouchml.model.model_file import FileValue, read_model_file

CONTRACT_FILE = "contract.json"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ExactInt = Annotated[StrictInt, Field(ge=-LARGEST_EXACT_INTEGER, le=LARGEST_EXACT_INTEGER)]


class Feature(FileValue):
    """One input column, as it was in training: a number with its range, or a category with its values, sorted.

    A row is a vector of float64: there a category is its place in `categories`, from 0, and null is NaN.
    """

    name: str
    type: Literal["number", "category"] = "number"
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _has_what_its_type_has(self) -> Feature:
        if self.type == "category":
            if not self.categories or self.minimum is not None or self.maximum is not None:
                raise ValueError("a category must have categories, and has no range")
            if list(self.categories) != sorted(set(self.categories)):
                raise ValueError("the categories must be sorted, and each stand there once")
            if not all(text.strip() for text in self.categories):
                raise ValueError("a category is blank")
            return self
        if self.minimum is None or self.maximum is None or self.categories is not None:
            raise ValueError("a number must have a minimum and a maximum, and has no categories")
        if self.minimum > self.maximum:
            raise ValueError("the minimum is above the maximum")
        return self

    @property
    def range(self) -> tuple[float, float]:
        """The least and the greatest that stood for the feature in a row of the training."""
        if self.categories is not None:
            return 0.0, float(len(self.categories) - 1)
        assert self.minimum is not None and self.maximum is not None  # noqa: S101, PT018 - the validator saw to it
        return self.minimum, self.maximum


class LabelledClass(FileValue):
    """One value of the target and what it is called."""

    value: ExactInt | StrictStr
    label: str


class Contract(FileValue):
    """What a model takes and what its answers mean.

    `features` stand in the order of the model's input columns, `classes` in the order of its probabilities.
    """

    format: Literal["vouchml-contract-v1"] = "vouchml-contract-v1"
    features: tuple[Feature, ...] = Field(min_length=1, max_length=10_000)
    target: str
    classes: tuple[LabelledClass, LabelledClass]
    positive_class: str
    threshold: float = Field(gt=0.0, lt=1.0)
    scorer: Literal["affine", "onnx", "sklearn"]
    estimator: str
    data_sha256: Sha256
    data_content_sha256: Sha256

    @model_validator(mode="after")
    def _names_are_unique(self) -> Contract:
        if len(set(self.feature_names)) != len(self.features):
            raise ValueError("a feature is named twice")
        if self.classes[0].label == self.classes[1].label or self.classes[0].value == self.classes[1].value:
            raise ValueError("both classes have the same label or value")
        if self.positive_class not in (self.classes[0].label, self.classes[1].label):
            raise ValueError("the positive class is not one of the labels")
        return self

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the input columns, in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def is_plain(self) -> bool:
        """Whether every feature is a number that is never null: such a row needs no translation."""
        return not self.has_categories and not self.has_nulls

    @cached_property
    def has_categories(self) -> bool:
        """Whether a feature is a category."""
        return any(feature.type == "category" for feature in self.features)

    @cached_property
    def has_nulls(self) -> bool:
        """Whether a feature may be null."""
        return any(feature.nullable for feature in self.features)

    @property
    def positive_index(self) -> int:
        """The column of the model's probabilities that belongs to the positive class."""
        return 0 if self.classes[0].label == self.positive_class else 1

    @property
    def positive(self) -> LabelledClass:
        """The class whose probability is served."""
        return self.classes[self.positive_index]

    @property
    def negative(self) -> LabelledClass:
        """The other class."""
        return self.classes[1 - self.positive_index]

    def takes_rows_of(self, other: Contract) -> bool:
        """Whether a row means the same here and there: names in order, categories, and what may be null."""
        ours, theirs = (
            [(feature.name, feature.nullable, feature.categories) for feature in contract.features]
            for contract in (self, other)
        )
        return ours == theirs

    def decide(self, probability: float) -> LabelledClass:
        """The class that `probability` of the positive class stands for: positive from the threshold on."""
        return self.positive if probability >= self.threshold else self.negative


def read_contract(folder: Path) -> Contract:
    """Read `contract.json` from the files of a version.

    Raises:
        BundleInvalid: the file is missing or is not a contract.
    """
    missing = BundleInvalid(
        f"The version has no {CONTRACT_FILE}, so nothing says what it takes.",
        remedy="Train it with `vouch train`; a model logged by other means has no contract.",
    )
    return read_model_file(folder / CONTRACT_FILE, Contract, called="a contract", missing=missing)


def contract_sha256(folder: Path) -> str:
    """The SHA-256 of the bytes of `contract.json` among the files of a version, by which decisions and records name it.

    Raises:
        OSError: there is no such file, or it cannot be read.
    """
    return hashlib.sha256((folder / CONTRACT_FILE).read_bytes()).hexdigest()
