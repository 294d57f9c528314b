import os
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer

from vouchml.errors import TrainingRefused
from vouchml.model.scorers.sklearn import TRUSTED_TYPES
from vouchml.training.estimators import ESTIMATORS, build_pipeline, fit, settable_parameters

SMALL: dict[str, dict[str, Any]] = {
    "logistic_regression": {},
    "hist_gradient_boosting": {"max_iter": 20},
    "random_forest": {"n_estimators": 20},
}


@pytest.fixture(scope="module")
def table() -> tuple[pd.DataFrame, NDArray[np.int64]]:
    bunch = load_breast_cancer(as_frame=True)
    return bunch.data, bunch.target.to_numpy()


def refusal(name: str, parameters: dict[str, Any]) -> str:
    with pytest.raises(TrainingRefused) as caught:
        build_pipeline(name, parameters, random_state=0)
    return caught.value.diagnostics()


def test_the_table_names_each_estimator_by_its_own_name() -> None:
    assert {name: estimator.name for name, estimator in ESTIMATORS.items()} == {name: name for name in ESTIMATORS}


def test_every_estimator_has_its_list_of_trusted_types() -> None:
    assert set(TRUSTED_TYPES) == set(ESTIMATORS)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_is_built_with_the_seed_and_fits(
    name: str, table: tuple[pd.DataFrame, NDArray[np.int64]]
) -> None:
    pipeline = build_pipeline(name, SMALL[name], random_state=7)
    assert pipeline[-1].random_state == 7
    fitted, warnings = fit(pipeline, *table)
    assert warnings == ()
    assert fitted.score(*table) > 0.95
    assert not hasattr(pipeline, "classes_")


def test_logistic_regression_has_our_defaults_and_takes_those_of_the_user() -> None:
    default = build_pipeline("logistic_regression", {}, random_state=0)[-1]
    assert (default.C, default.max_iter) == (1.0, 1000)
    given = build_pipeline("logistic_regression", {"C": 2, "max_iter": 50}, random_state=0)[-1]
    assert (given.C, given.max_iter) == (2, 50)


def test_a_random_forest_never_uses_joblib_threads() -> None:
    assert build_pipeline("random_forest", {}, random_state=0)[-1].n_jobs == 1


def test_an_unknown_estimator_names_the_nearest_and_lists_all() -> None:
    text = refusal("random_forrest", {})
    assert "did you mean 'random_forest'?" in text
    assert all(name in text for name in ESTIMATORS)
    assert "did you mean" not in refusal("zzz", {})


def test_an_unknown_parameter_names_the_nearest() -> None:
    text = refusal("logistic_regression", {"max_itr": 5, "c": 1.0})
    assert "'max_itr' is not a parameter (did you mean 'max_iter'?)" in text
    assert "'c' is not a parameter (did you mean 'C'?)" in text


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("parameter", ["random_state", "verbose", "warm_start"])
def test_parameters_that_belong_to_the_run_are_withheld(name: str, parameter: str) -> None:
    assert f"'{parameter}' cannot be set" in refusal(name, {parameter: 1})
    assert parameter not in settable_parameters(name)


def test_random_state_points_to_the_setting_and_n_jobs_says_why() -> None:
    assert "[training] random_state" in refusal("random_forest", {"random_state": 1})
    assert "same probabilities" in refusal("random_forest", {"n_jobs": 4})


@pytest.mark.parametrize("parameter", ["scoring", "categorical_features"])
def test_what_the_model_file_cannot_hold_safely_is_withheld(parameter: str) -> None:
    assert "the model file cannot hold" in refusal("hist_gradient_boosting", {parameter: "roc_auc"})


@pytest.mark.parametrize(
    ("name", "parameter", "value", "allowed"),
    [
        ("logistic_regression", "C", -1.0, "(0.0, inf]"),
        ("logistic_regression", "C", float("nan"), "(0.0, inf]"),
        ("logistic_regression", "C", "1", "(0.0, inf]"),
        ("logistic_regression", "C", True, "must not be true or false"),
        ("logistic_regression", "max_iter", 2.5, "an int"),
        ("logistic_regression", "solver", "lbfgss", "'lbfgs', 'liblinear', 'newton-cg'"),
        ("logistic_regression", "class_weight", "equal", "'balanced'"),
        ("hist_gradient_boosting", "learning_rate", 0, "(0.0, inf)"),
        ("hist_gradient_boosting", "max_bins", 256, "[2, 255]"),
        ("random_forest", "n_estimators", 0, "[1, inf)"),
        ("random_forest", "criterion", "ginny", "'entropy', 'gini', 'log_loss'"),
        ("random_forest", "max_depth", [3], "an int"),
    ],
)
def test_a_value_out_of_bounds_is_refused_before_a_fit(name: str, parameter: str, value: object, allowed: str) -> None:
    text = refusal(name, {parameter: value})
    assert f"'{parameter}' must" in text
    assert allowed in text


def test_all_problems_are_said_at_once() -> None:
    text = refusal("random_forest", {"n_estimators": 0, "max_dept": 3, "n_jobs": 2})
    assert all(word in text for word in ("n_estimators", "max_dept", "n_jobs"))


def test_a_fit_that_does_not_converge_says_so(table: tuple[pd.DataFrame, NDArray[np.int64]]) -> None:
    _, warnings = fit(build_pipeline("logistic_regression", {"max_iter": 2}, random_state=0), *table)
    assert len(warnings) == 1
    assert warnings[0].startswith("ConvergenceWarning: ")
    assert "\n" not in warnings[0]


def test_parameters_that_do_not_go_together_are_refused(table: tuple[pd.DataFrame, NDArray[np.int64]]) -> None:
    pipeline = build_pipeline("logistic_regression", {"solver": "lbfgs", "l1_ratio": 1.0}, random_state=0)
    with pytest.raises(TrainingRefused, match="lbfgs"):
        fit(pipeline, *table)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_class_weights_from_toml_reach_integer_and_text_targets(
    name: str, table: tuple[pd.DataFrame, NDArray[np.int64]]
) -> None:
    frame, targets = table
    integers = build_pipeline(name, {**SMALL[name], "class_weight": {"0": 5.0, "1": 1.0}}, random_state=0)
    texts = build_pipeline(name, {**SMALL[name], "class_weight": {"b": 5.0, "m": 1.0}}, random_state=0)
    plain, _ = fit(build_pipeline(name, SMALL[name], random_state=0), frame, targets)
    first, _ = fit(integers, frame, targets)
    second, _ = fit(texts, frame, np.array(["b", "m"], dtype=object)[targets])
    assert np.array_equal(first.predict_proba(frame), second.predict_proba(frame))
    assert not np.array_equal(first.predict_proba(frame), plain.predict_proba(frame))


def test_class_weights_for_other_classes_are_refused(table: tuple[pd.DataFrame, NDArray[np.int64]]) -> None:
    pipeline = build_pipeline("logistic_regression", {"class_weight": {"0": 5.0, "2": 1.0}}, random_state=0)
    with pytest.raises(TrainingRefused, match="class_weight") as caught:
        fit(pipeline, *table)
    assert "'0', '1'" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        *(("logistic_regression", {"solver": solver}) for solver in ("lbfgs", "liblinear", "newton-cg", "saga")),
        ("logistic_regression", {"C": float("inf"), "class_weight": {"0": 2.0, "1": 1.0}}),
        ("hist_gradient_boosting", {"early_stopping": True, "max_features": 0.5, "interaction_cst": "pairwise"}),
        ("hist_gradient_boosting", {"monotonic_cst": {"mean radius": -1}, "class_weight": "balanced"}),
        ("random_forest", {"oob_score": True, "criterion": "log_loss", "n_estimators": 60}),
        ("random_forest", {"bootstrap": False, "monotonic_cst": [-1] + [0] * 29, "n_estimators": 5}),
    ],
)
def test_the_model_file_needs_no_type_that_the_service_does_not_trust(
    name: str, parameters: dict[str, Any], table: tuple[pd.DataFrame, NDArray[np.int64]]
) -> None:
    fitted, _ = fit(build_pipeline(name, parameters, random_state=0), *table)
    content = skops.io.dumps(fitted)
    assert set(skops.io.get_untrusted_types(data=content)) <= set(TRUSTED_TYPES[name])
    loaded = skops.io.loads(content, trusted=list(TRUSTED_TYPES[name]))
    assert np.array_equal(loaded.predict_proba(table[0]), fitted.predict_proba(table[0]))


# Of this size OpenBLAS splits the sums of a logistic regression over its threads: unlimited, the bits differ.
FIT_AND_DIGEST = """
import hashlib, sys
import numpy as np, pandas as pd
from vouchml.training.environment import single_threaded_linear_algebra
from vouchml.model.scorers.sklearn import TRUSTED_TYPES
from vouchml.training.estimators import build_pipeline, fit
rng = np.random.default_rng(0)
frame = pd.DataFrame(rng.normal(size=(20_000, 150)), columns=[f"x{i}" for i in range(150)])
targets = (frame.to_numpy() @ rng.normal(size=150) + rng.normal(size=20_000) > 0).astype(int)
small = {"random_forest": {"n_estimators": 2, "max_depth": 6}, "hist_gradient_boosting": {"max_iter": 5}}
parameters = small.get(sys.argv[1], {})
fitted, _ = fit(build_pipeline(sys.argv[1], parameters, random_state=3), frame, targets)
with single_threaded_linear_algebra():
    print(hashlib.sha256(fitted.predict_proba(frame).tobytes()).hexdigest())
"""


@pytest.mark.parametrize("name", ESTIMATORS)
def test_two_processes_with_other_thread_counts_give_the_same_bits(name: str) -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", FIT_AND_DIGEST, name],
            env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for threads in ("1", "2")
    }
    assert len(digests) == 1


def test_importing_the_estimators_does_not_import_scikit_learn() -> None:
    code = "import sys, vouchml.training.estimators; sys.exit('sklearn' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
