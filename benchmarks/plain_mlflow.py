"""The baseline: what a careful person writes by hand to train the shipped project and log it to MLflow.

`python plain_mlflow.py [--pinned] [--cross-validation]`, in a folder that holds data/breast_cancer.csv. Nothing of
vouchml is used. It logs parameters, metrics, a confusion matrix, a classification report, and the model with its
signature and input example, and registers it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

# What the model needs, written by hand; left out, MLflow loads the model in another process to find out.
REQUIREMENTS: Final = ["mlflow", "numpy", "pandas", "scikit-learn", "scipy", "skops"]


def train(
    folder: Path, *, pinned: bool, cross_validation: bool, progress: Callable[[str], None] = lambda _: None
) -> None:
    """Train on the table in `folder`, and log and register into an mlflow.db there."""
    progress("Loading the libraries")
    import matplotlib as mpl

    mpl.use("Agg")
    import mlflow
    import mlflow.sklearn
    import pandas as pd
    from matplotlib import pyplot as plt
    from mlflow.models import infer_signature
    from sklearn import metrics
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_validate, train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    progress("Reading and checking the table")
    table = pd.read_csv(folder / "data" / "breast_cancer.csv")
    features, target = table.drop(columns="target"), table["target"]
    train_rows, test_rows, train_target, test_target = train_test_split(
        features, target, test_size=0.2, random_state=42, stratify=target
    )

    progress("Fitting and evaluating")
    parameters = {"C": 1.0, "max_iter": 1000, "random_state": 42}
    model = make_pipeline(StandardScaler(), LogisticRegression(**parameters)).fit(train_rows, train_target)
    probabilities = model.predict_proba(test_rows)[:, 1]
    labels = (probabilities >= 0.5).astype(int)
    measured = {
        "accuracy": metrics.accuracy_score(test_target, labels),
        "precision": metrics.precision_score(test_target, labels),
        "recall": metrics.recall_score(test_target, labels),
        "f1": metrics.f1_score(test_target, labels),
        "roc_auc": metrics.roc_auc_score(test_target, probabilities),
        "average_precision": metrics.average_precision_score(test_target, probabilities),
        "log_loss": metrics.log_loss(test_target, probabilities),
        "brier": metrics.brier_score_loss(test_target, probabilities),
    }
    if cross_validation:
        scores = cross_validate(
            make_pipeline(StandardScaler(), LogisticRegression(**parameters)),
            train_rows,
            train_target,
            cv=StratifiedKFold(5, shuffle=True, random_state=42),
            scoring=["accuracy", "precision", "recall", "f1", "roc_auc", "average_precision", "neg_log_loss"],
        )
        measured |= {f"cv_{name}_mean": values.mean() for name, values in scores.items() if name.startswith("test_")}

    progress("Logging to MLflow")
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    if mlflow.get_experiment_by_name("plain") is None:
        mlflow.create_experiment("plain", artifact_location=(folder / "mlruns").as_uri())
    mlflow.set_experiment("plain")
    with mlflow.start_run():
        mlflow.log_params({**parameters, "test_size": 0.2, "threshold": 0.5})
        mlflow.log_metrics(measured)
        display = metrics.ConfusionMatrixDisplay.from_predictions(
            test_target, labels, display_labels=["malignant", "benign"]
        )
        mlflow.log_figure(display.figure_, "confusion_matrix.png")
        plt.close(display.figure_)
        mlflow.log_text(metrics.classification_report(test_target, labels), "classification_report.txt")
        mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(train_rows, model.predict(train_rows)),
            input_example=train_rows.head(5),
            registered_model_name="plain",
            pip_requirements=REQUIREMENTS if pinned else None,
        )


def say(step: str) -> None:
    """Name the step that begins, as `vouch train` does."""
    print(f"{step} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    train(Path.cwd(), pinned="--pinned" in sys.argv, cross_validation="--cross-validation" in sys.argv, progress=say)
