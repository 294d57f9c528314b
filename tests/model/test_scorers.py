"""Both scorers answer alike; scikit-learn's loads nothing but the model that the contract describes."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skops.io
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

from vouchml.data import read_table
from vouchml.model import Bundle, Contract, Scorer, load_scorer

if TYPE_CHECKING:
    from vouchml.settings import Settings
    from vouchml.training import TrainedVersion

MakeContract = Callable[..., Contract]
Refused = Callable[[Path, Contract, str], None]
Matrix = NDArray[np.float64]

NAMES = ("age", "dose")
VALUES: Matrix = np.random.default_rng(0).normal(size=(60, 2))
TARGETS = (VALUES.sum(axis=1) > 0).astype(np.int64)


@pytest.fixture(scope="module")
def rows(trained: tuple[Settings, TrainedVersion]) -> Matrix:
    settings, _ = trained
    return read_table(settings.data_path, settings.data).values


def scorer_of(bundle: Bundle, name: str, **changes: Any) -> Scorer:
    return load_scorer(replace(bundle, contract=bundle.contract.model_copy(update={"scorer": name, **changes})))


@pytest.mark.parametrize("positive", ["benign", "malignant"])
def test_onnx_and_scikit_learn_say_the_same_of_every_row(bundle: Bundle, rows: Matrix, positive: str) -> None:
    by_onnx, by_sklearn = (
        scorer_of(bundle, name, positive_class=positive).positive_probability(rows) for name in ("onnx", "sklearn")
    )
    assert by_onnx.shape == by_sklearn.shape == (569,)
    assert by_onnx.dtype == by_sklearn.dtype == np.float64
    assert np.abs(by_onnx - by_sklearn).max() <= 1e-12
    assert (by_onnx > 0.5).mean() == pytest.approx({"benign": 0.63, "malignant": 0.37}[positive], abs=0.05)


@pytest.mark.parametrize("name", ["onnx", "sklearn"])
def test_many_threads_get_the_answers_that_one_gets(bundle: Bundle, rows: Matrix, name: str) -> None:
    scorer = scorer_of(bundle, name)
    sample = rows[:60]
    alone = [scorer.positive_probability(row[None, :])[0] for row in sample]

    def score_all(start: int) -> list[float]:
        turned = np.roll(np.arange(len(sample)), start)
        found = {int(position): scorer.positive_probability(sample[position][None, :])[0] for position in turned}
        return [found[position] for position in range(len(sample))]

    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(score_all, range(0, 160, 10)):
            assert answers == alone


@pytest.mark.parametrize("scorer", ["onnx", "sklearn"])
def test_a_missing_file_is_refused_by_name(
    make_contract: MakeContract, tmp_path: Path, refused: Refused, scorer: str
) -> None:
    file = {"onnx": "model.onnx", "sklearn": "model.skops"}[scorer]
    contract = make_contract(*NAMES, scorer=scorer)
    words = rf"scorer = {scorer}, but the version has no {file}"
    refused(tmp_path, contract, words)
    (tmp_path / file).mkdir()
    refused(tmp_path, contract, words)


@pytest.fixture
def contract(make_contract: MakeContract) -> Contract:
    return make_contract(*NAMES, scorer="sklearn")


def fitted(classifier: Any, targets: Any = TARGETS) -> Any:
    return make_pipeline(StandardScaler(), classifier).fit(VALUES, targets)


def edited(change: Callable[[str, bytes], bytes]) -> bytes:
    """A good `model.skops`, each file of which `change` has gone over."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(skops.io.dumps(fitted(LogisticRegression())))) as good,
        zipfile.ZipFile(made, "w") as bad,
    ):
        for name in good.namelist():
            bad.writestr(name, change(name, good.read(name)))
    return made.getvalue()


@pytest.mark.parametrize(
    ("estimator", "classifier"),
    [
        ("logistic_regression", LogisticRegression()),
        ("random_forest", RandomForestClassifier(5, random_state=0)),
        ("hist_gradient_boosting", HistGradientBoostingClassifier(max_iter=5, random_state=0)),
    ],
)
def test_each_estimator_is_loaded_with_its_own_list_of_types(
    make_contract: MakeContract, tmp_path: Path, refused: Refused, estimator: str, classifier: Any
) -> None:
    pipeline = fitted(classifier)
    skops.io.dump(pipeline, tmp_path / "model.skops")
    scorer = load_scorer(Bundle(tmp_path, "0" * 64, make_contract(*NAMES, scorer="sklearn", estimator=estimator)))
    assert scorer.positive_probability(VALUES).tolist() == pipeline.predict_proba(VALUES)[:, 1].tolist()
    if estimator != "logistic_regression":
        other = make_contract(*NAMES, scorer="sklearn", estimator="logistic_regression")
        refused(tmp_path, other, "types that logistic_regression does not need")


class Bomb:
    """Goes off where it is built from a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)

    def __setstate__(self, state: dict[str, Any]) -> None:
        state["path"].touch()


def with_another_type(module: str, name: str) -> bytes:
    def change(file: str, content: bytes) -> bytes:
        if file != "schema.json":
            return content
        text = content.decode().replace("sklearn.linear_model._logistic", module)
        return text.replace('"LogisticRegression"', f'"{name}"').encode()

    return edited(change)


@pytest.mark.parametrize(
    "content",
    [
        skops.io.dumps(Pipeline([("scale", FunctionTransformer(os.system)), ("classify", LogisticRegression())])),
        skops.io.dumps(Pipeline([("scale", FunctionTransformer(eval)), ("classify", LogisticRegression())])),
        skops.io.dumps(fitted(RandomForestClassifier(2, random_state=0))),
        with_another_type("subprocess", "Popen"),
        with_another_type("os", "system"),
        with_another_type("sklearn.tree._tree", "Tree"),
    ],
    ids=["os.system", "eval", "another estimator", "edited to Popen", "edited to system", "edited to Tree"],
)
def test_a_file_of_types_that_the_estimator_does_not_need_is_not_loaded(
    contract: Contract, tmp_path: Path, refused: Refused, content: bytes
) -> None:
    (tmp_path / "model.skops").write_bytes(content)
    refused(tmp_path, contract, r"model\.skops holds types that .* it was not loaded")


def test_a_class_of_somebodys_own_is_not_built(contract: Contract, tmp_path: Path, refused: Refused) -> None:
    gone_off = tmp_path / "gone off"
    pipeline = fitted(LogisticRegression())
    pipeline[-1].bomb = Bomb(gone_off)
    skops.io.dump(pipeline, tmp_path / "model.skops")
    refused(tmp_path, contract, "types that logistic_regression does not need")
    assert not gone_off.exists()


def test_a_pickle_is_never_loaded(contract: Contract, tmp_path: Path, refused: Refused) -> None:
    gone_off = tmp_path / "gone off"
    pickled = pickle.dumps(Bomb(gone_off))

    def array_of_pickles(file: str, content: bytes) -> bytes:
        array = io.BytesIO()
        np.save(array, np.array([Bomb(gone_off)], dtype=object), allow_pickle=True)
        return array.getvalue() if file.endswith(".npy") else content

    for content in (pickled, edited(array_of_pickles)):
        (tmp_path / "model.skops").write_bytes(content)
        refused(tmp_path, contract, r"model\.skops cannot be loaded")
    (tmp_path / "model.skops").rename(tmp_path / "model.pkl")
    refused(tmp_path, contract, r"has no model\.skops")
    assert not gone_off.exists()
    pickle.loads(pickled)
    assert gone_off.exists()  # so it would have gone off


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression().fit(VALUES, TARGETS),
        fitted(LinearSVC()),
        fitted(LogisticRegression(), TARGETS + 1),
        fitted(LogisticRegression(), TARGETS.astype(str)),
        fitted(LogisticRegression(), np.arange(60) % 3),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), LogisticRegression()).fit(VALUES[:, :1], TARGETS),
        {"age": 1},
        "a pipeline",
    ],
    ids=[
        "not a pipeline",
        "no probabilities",
        "other classes",
        "classes of text",
        "three classes",
        "not fitted",
        "another number of features",
        "a dictionary",
        "a text",
    ],
)
def test_what_does_not_fit_the_contract_is_refused(
    contract: Contract, tmp_path: Path, refused: Refused, model: Any
) -> None:
    skops.io.dump(model, tmp_path / "model.skops")
    refused(tmp_path, contract, r"model\.skops does not fit the contract")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_model_is_refused(
    contract: Contract, tmp_path: Path, refused: Refused, content: bytes
) -> None:
    (tmp_path / "model.skops").write_bytes(content)
    refused(tmp_path, contract, r"model\.skops cannot be loaded")
