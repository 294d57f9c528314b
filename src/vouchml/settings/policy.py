"""`[policy]`: what a version must show before it may be promoted. docs/gates.md says how each rule is decided."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from vouchml.settings.sections import Section

Bound: TypeAlias = Literal[
    "roc_auc_lower",
    "accuracy_lower",
    "recall_lower",
    "specificity_lower",
    "precision_lower",
    "log_loss_upper",
    "brier_upper",
    "calibration_error_upper",
    "calibration_slope_lower",
    "calibration_slope_upper",
    "latency_microseconds_upper",
]
Margin: TypeAlias = Literal["roc_auc", "log_loss", "brier", "accuracy"]
EvidenceKind: TypeAlias = Literal[
    "manifest", "evaluation", "parity", "golden_rows", "provenance", "test_result", "model_card", "ml_bom"
]
NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]

_SHARES = ("roc_auc", "accuracy", "recall", "specificity", "precision", "brier", "calibration_error")


class PolicySettings(Section):
    """`[policy]`: what a version must show before it may be promoted."""

    level: float = Field(default=0.95, ge=0.5, le=0.9999, description="The level of every interval.")
    required_evidence: tuple[EvidenceKind, ...] = Field(
        default=("manifest", "evaluation", "parity"),
        description="Evidence that there must be: `manifest`, `evaluation`, `parity` of the run, `golden_rows` of the "
        "version, and signed `provenance`, `test_result`, `model_card`, `ml_bom`.",
    )
    bounds: dict[Bound, NotNegative] = Field(
        default={"roc_auc_lower": 0.5},
        description="Bounds that the end of an interval must keep: `roc_auc_lower`, `accuracy_lower`, `recall_lower`, "
        "`specificity_lower`, `precision_lower`, `log_loss_upper`, `brier_upper`, `calibration_error_upper`, "
        "`calibration_slope_lower`, `calibration_slope_upper`, `latency_microseconds_upper`.",
    )
    margins: dict[Margin, NotNegative] = Field(
        default={"roc_auc": 0.02, "log_loss": 0.05, "brier": 0.02, "accuracy": 0.05},
        description="By how much a version may be worse than the champion on the same rows: `roc_auc`, `log_loss`, "
        "`brier`, `accuracy`. One that is left out is not compared.",
    )
    slices: tuple[str, ...] = Field(default=(), description="Feature columns whose slices are looked at.")
    slice_bins: int = Field(default=4, ge=2, le=20, description="Quantile bins of a column with more values than bins.")
    slice_minimum_rows: int = Field(default=20, ge=1, description="Test rows below which a slice is not judged.")
    slice_margin: float = Field(
        default=0.1, ge=0.0, lt=1.0, description="By how much a slice's accuracy may be below that of all test rows."
    )
    minimum_rows: int = Field(default=50, ge=2, description="The fewest test rows.")
    minimum_positives: int = Field(default=10, ge=1, description="The fewest test rows of the positive class.")
    minimum_negatives: int = Field(default=10, ge=1, description="The fewest test rows of the other class.")
    test_set_uses: int = Field(
        default=10, ge=1, description="Versions judged on the same test rows from which on the gate warns."
    )
    card: str = Field(
        default="model_card.toml", description="The file of what people say about the model; relative to `vouch.toml`."
    )
    card_fields: tuple[str, ...] = Field(default=(), description="Fields of the card that a person must have filled.")
    approvals: dict[str, Annotated[int, Field(ge=1, le=100)]] = Field(
        default_factory=dict,
        description="How many people of each role must approve, such as `{ approver = 2 }`; the authors do not count.",
    )
    decision_days: int = Field(default=90, ge=1, le=3650, description="Days for which a decision is valid.")
    bootstrap_resamples: int = Field(
        default=2000, ge=200, le=100_000, description="Resamples behind each bootstrap interval of the gate."
    )
    random_state: int = Field(default=42, ge=0, le=2**32 - 1, description="The seed of the gate's resamples.")

    @model_validator(mode="after")
    def _bounds_can_be_met(self) -> PolicySettings:
        for bound, value in self.bounds.items():
            if bound.startswith(_SHARES) and value > 1.0:
                raise ValueError(f"bounds {bound} must be at most 1")
        low, high = (self.bounds.get(bound) for bound in ("calibration_slope_lower", "calibration_slope_upper"))
        if low is not None and high is not None and low >= high:
            raise ValueError("bounds calibration_slope_lower must be below calibration_slope_upper")
        return self
