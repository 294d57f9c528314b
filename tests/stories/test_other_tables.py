"""`vouch init` and `vouch up` on tables of other shapes: they serve, and answer as scikit-learn does."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.cli.processes import Project, free_ports, run
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

ODD_NAMES = (
    "mean radius",
    'size "in" cm, or not',
    "it's",
    "größe",
    "gro\u0308ße",
    "測量 😀",
    "back\\slash",
    '{"features": [1]}',
    "features",
    "request_id",
    "a\ttab",
    "two\nlines",
    "null",
    "1.5",
    "%s {0} $HOME",
    "__proto__",
    "A",
    "a",
    "x" * 2000,
)


@dataclass(frozen=True)
class Other:
    """A table that vouchml has never seen: its rows, its target, and what `vouch init` should make of it."""

    frame: pd.DataFrame
    target: str
    file: str
    arguments: tuple[str, ...]
    features: tuple[str, ...]
    positive: Any
    rows_asked: int


def few_rows() -> Other:
    """Fourteen rows, two columns and a target of text."""
    rng = np.random.default_rng(5)
    outcome = np.array(["stays", "leaves"], dtype=object)[np.arange(14) % 2]
    frame = pd.DataFrame(
        {
            "name": [f"customer {number}" for number in range(14)],
            "months as customer": rng.integers(1, 60, 14) + 20 * (outcome == "stays"),
            "calls": rng.normal(size=14).round(3),
            "what became of them": outcome,
        }
    )
    asked = ("--positive", "leaves")
    return Other(frame, "what became of them", "14 rows.csv", asked, tuple(frame.columns[1:3]), "leaves", 14)


def many_odd_columns() -> Other:
    """Two hundred columns, some with names that JSON, TOML, CSV or a shell have a meaning for; a target of booleans."""
    rng = np.random.default_rng(6)
    names = (*ODD_NAMES, *(f"column {number}" for number in range(200 - len(ODD_NAMES))))
    scales = 10.0 ** rng.integers(-6, 7, size=200)
    frame = pd.DataFrame(rng.normal(size=(80, 200)) * scales, columns=list(names))
    frame['is it "so"?'] = frame["größe"] / scales[3] + rng.normal(size=80) > 0
    return Other(frame, 'is it "so"?', "200 columns.csv", (), names, True, 10)


def two_kinds_of_wine() -> Other:
    """A table that scikit-learn ships, as Parquet; its third class is left out."""
    wine = load_wine(as_frame=True).frame
    frame = wine[wine["target"] < 2].rename(columns={"target": "kind"})
    return Other(frame, "kind", "wine.parquet", (), tuple(frame.columns[:-1]), 1, 130)


@pytest.fixture(scope="module", params=[few_rows, many_odd_columns, two_kinds_of_wine])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Other, Project]]:
    """The table, made a project by `vouch init` and served by `vouch up`, which then ends by Ctrl-C."""
    other: Other = request.param()
    folder = tmp_path_factory.mktemp("another table")
    if other.file.endswith(".csv"):
        other.frame.to_csv(folder / other.file, index=False)
    else:
        other.frame.to_parquet(folder / other.file, index=False)
    told = run("init", other.file, "--target", other.target, *other.arguments, cwd=folder)
    assert told.returncode == 0, told.stderr
    port, mlflow_port = free_ports()
    file = folder / "vouch.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("port = 8000", f"port = {port}").replace("mlflow_port = 5001", f"mlflow_port = {mlflow_port}")
    file.write_text(text, encoding="utf-8")
    project = Project(folder, port, mlflow_port)
    running = project.start("up", "--no-mlflow")
    running.until("Running.")
    yield other, project
    status, output, notes = running.end()
    assert status == 0, notes
    assert "The first prediction" in output


def expected(other: Other, project: Project) -> Any:
    """The probabilities of plain scikit-learn under the settings that `vouch init` wrote."""
    settings = tomllib.loads((project.folder / "vouch.toml").read_text(encoding="utf-8"))
    features, targets = other.frame[list(other.features)].astype(float), other.frame[other.target]
    train, _, seen, _ = train_test_split(
        features,
        targets,
        test_size=settings["training"]["test_size"],
        random_state=settings["training"]["random_state"],
        stratify=targets,
    )
    with threadpool_limits(1):
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000)).fit(train, seen)
    return pipeline.predict_proba(features)[:, list(pipeline.classes_).index(other.positive)]


def ask(client: httpx.Client, features: dict[str, float], dump: Callable[[Any], str]) -> dict[str, Any]:
    reply = client.post("/predict", content=dump({"features": features}), headers={"Content-Type": "application/json"})
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def test_another_table_is_served_and_answered_as_by_scikit_learn(served: tuple[Other, Project]) -> None:
    other, project = served
    probabilities = expected(other, project)
    with httpx.Client(base_url=f"http://127.0.0.1:{project.port}") as client:
        info = client.get("/model-info").json()
        assert tuple(info["expected_features"]) == other.features
        for position in range(other.rows_asked):
            features = {name: float(other.frame[name].iloc[position]) for name in other.features}
            answer = ask(client, features, json.dumps)
            turned = ask(client, dict(reversed(features.items())), lambda body: json.dumps(body, ensure_ascii=False))
            found = answer["probability_positive_class"]
            assert math.isclose(found, probabilities[position], rel_tol=0, abs_tol=1e-12)
            assert turned["probability_positive_class"] == found
            assert answer["prediction_label"] == info["labels"][str(answer["prediction"])]
            assert (answer["prediction_label"] == answer["positive_class"]) == (found >= 0.5)


def test_a_row_of_another_table_is_predicted_from_the_command_line(served: tuple[Other, Project]) -> None:
    other, project = served
    told = project.vouch("predict", "--row", "3", "--json")
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    assert math.isclose(answer["probability_positive_class"], expected(other, project)[2], rel_tol=0, abs_tol=1e-12)


def test_a_name_that_is_nearly_right_is_refused_and_suggested(served: tuple[Other, Project]) -> None:
    other, project = served
    features = {name: float(other.frame[name].iloc[0]) for name in other.features}
    last = other.features[-1]
    features[f"{last}s"] = features.pop(last)
    reply = httpx.post(f"http://127.0.0.1:{project.port}/predict", json={"features": features})
    assert reply.status_code == 422
    detail = reply.json()["detail"]
    assert (detail["missing"], detail["extra"], detail["invalid"]) == ([last], [f"{last}s"], [])
    assert repr(last) in detail["message"]
