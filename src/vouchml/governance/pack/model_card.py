"""The model card: what people wrote about a model, and what its run measured, as Markdown and as one HTML page.

The page needs no network and no script; the plots are inside it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from vouchml.governance.pack.card_fields import all_fields
from vouchml.governance.pack.pages import render
from vouchml.governance.pack.subject import NOT_PROVIDED, PackSubject
from vouchml.governance.signed_evidence import moment_text

#: The plots of a run, and what each shows to whoever cannot see it.
PLOTS: Final[Mapping[str, str]] = {
    "roc_curve.png": "ROC curve on the test rows",
    "pr_curve.png": "Precision and recall on the test rows",
    "calibration.png": "Calibration: predicted probability and observed share on the test rows",
    "confusion_matrix.png": "Confusion matrix on the test rows",
}


class Answer(NamedTuple):
    """A field of the card: its name, its title, and what a person wrote; `given` says whether anybody did."""

    name: str
    title: str
    text: str
    given: bool


class Metric(NamedTuple):
    """A metric on the test rows with its interval, as text."""

    name: str
    value: str
    low: str
    high: str


def card_markdown(subject: PackSubject) -> bytes:
    """The card as Markdown."""
    return render("model_card.md.j2", **_view(subject))


def card_html(subject: PackSubject) -> bytes:
    """The card as one page of HTML."""
    return render("model_card.html.j2", **_view(subject))


def metrics_of(manifest: Mapping[str, Any]) -> Iterator[Metric]:
    """The metrics that a manifest records."""
    for name, found in manifest["evaluation"]["metrics"].items():
        yield Metric(name.replace("_", " "), *(f"{found[key]:.4f}" for key in ("value", "low", "high")))


def answers_of(subject: PackSubject) -> tuple[Answer, ...]:
    """Every field that people were asked for, with their answer or NOT PROVIDED."""
    fields = all_fields(subject.card, subject.settings_policy.card_fields)
    return tuple(
        Answer(name, title, text := subject.answer(name), given=text != NOT_PROVIDED) for name, title in fields
    )


def _view(subject: PackSubject) -> dict[str, Any]:
    manifest = subject.manifest
    return {
        "subject": subject,
        "manifest": manifest,
        "evaluation": manifest["evaluation"],
        "metrics": list(metrics_of(manifest)),
        "answers": answers_of(subject),
        "made": moment_text(subject.at),
        "plots": [
            (title, b64encode(subject.plots[name]).decode("ascii"))
            for name, title in PLOTS.items()
            if name in subject.plots
        ],
        "not_provided": NOT_PROVIDED,
    }
