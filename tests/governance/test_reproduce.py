"""Which level a training reaches, and when two models' files are the same."""

from __future__ import annotations

import math
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vouchml.errors import BundleInvalid
from vouchml.governance.reproduce import Answers, LevelTest, Pair, Reproduction, Stage, judge_levels
from vouchml.governance.reproduce_files import FileComparison, compare_files, skops_digest
from vouchml.settings import PolicySettings

ROWS = 400
POLICY = PolicySettings(bootstrap_resamples=200)
SAME = FileComparison(("model.onnx",), (), ("MLmodel",), "a" * 64, "a" * 64)


def pair(noise: float = 0.0) -> Pair:
    generator = np.random.default_rng(1)
    is_positive = generator.random(ROWS) < 0.5
    p = np.clip(0.35 + 0.3 * is_positive + generator.normal(0, 0.1, ROWS), 0.01, 0.99)
    other = np.clip(p + generator.normal(0, 1, ROWS) * noise, 0.001, 0.999)
    metrics = {"brier": float(((p - is_positive) ** 2).mean())}
    now = {"brier": float(((other - is_positive) ** 2).mean())}
    return Pair(SAME, is_positive, Answers(p, 0.5), Answers(other, 0.5), metrics, now, digests_agree=True)


def level(made: Pair, policy: PolicySettings = POLICY) -> str:
    return Reproduction((), judge_levels(made, policy)).level


def test_the_level_is_the_strongest_whose_weaker_ones_hold() -> None:
    assert level(pair()) == "R4"
    assert level(replace(pair(), files=replace(SAME, differing=("model.onnx",)))) == "R3"
    assert level(replace(pair(), digests_agree=False)) == "R2"
    assert level(pair(noise=1e-12)) == "R2"
    assert level(pair(noise=1e-7)) == "R1"
    assert level(pair(noise=1e-3)) == "R0"
    assert level(pair(noise=0.5)) == "X"


def test_one_label_that_changes_is_not_r2_however_near_the_probabilities_are() -> None:
    made = pair()
    p = made.recorded.probabilities.copy()
    p[0] = 0.5
    below = p.copy()
    below[0] = math.nextafter(0.5, 0)
    assert level(replace(made, recorded=Answers(p, 0.5), now=Answers(below, 0.5))) == "R1"


def test_a_metric_that_one_side_lacks_is_not_equal() -> None:
    assert level(replace(pair(), recorded_metrics={})) == "R0"
    assert level(replace(pair(), recorded_metrics={}, metrics_now={})) == "R0"


def test_without_margins_nothing_is_equivalent() -> None:
    assert level(pair(noise=1e-3), POLICY.model_copy(update={"margins": {}})) == "X"


def test_files_of_nothing_are_not_identical() -> None:
    assert level(replace(pair(), files=FileComparison((), (), (), "", ""))) == "R3"


def test_reaching_a_level_is_reaching_the_weaker_ones() -> None:
    made = Reproduction((Stage("data", True, "", ""),), tuple(LevelTest(each, "", "", True) for each in ("R1", "R2")))
    assert [made.reaches(each) for each in ("R4", "R3", "R2", "R1", "R0", "X")] == [
        False,
        False,
        True,
        True,
        True,
        True,
    ]
    assert not Reproduction(()).reaches("R0")


def fitted(strength: float) -> object:
    generator = np.random.default_rng(2)
    rows = generator.normal(size=(60, 3))
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength)).fit(rows, rows[:, 0] > 0)


def test_a_skops_file_is_known_by_what_it_holds_not_by_its_times_and_addresses(tmp_path: Path) -> None:
    kept = [fitted(1.0), fitted(1.0), fitted(1.0 + 1e-12)]  # all alive, so that none has another's address
    paths = [tmp_path / f"{place}.skops" for place in range(3)]
    for model, path in zip(kept, paths, strict=True):
        skops.io.dump(model, path)
    assert paths[0].read_bytes() != paths[1].read_bytes()
    assert skops_digest(paths[0]) == skops_digest(paths[1])
    assert skops_digest(paths[0]) != skops_digest(paths[2])


def test_one_byte_a_missing_file_and_an_added_one_differ_and_mlmodel_is_left_out(tmp_path: Path) -> None:
    for side in ("recorded", "now"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "MLmodel").write_text(side)
        (tmp_path / side / "same").write_text("same")
    (tmp_path / "recorded" / "gone").write_text("")
    (tmp_path / "now" / "added").write_text("")
    (tmp_path / "recorded" / "other").write_text("a")
    (tmp_path / "now" / "other").write_text("b")
    found = compare_files(tmp_path / "recorded", tmp_path / "now")
    assert found.differing == ("added", "gone", "other")
    assert (found.left_out, found.identical) == (("MLmodel",), False)
    assert found.recorded_digest != found.digest_now


@pytest.mark.parametrize("content", [b"", b"not a ZIP", None])
def test_what_skops_does_not_write_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.skops"
    if content is None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("schema.json", '{"file": "missing.npy"}')
    else:
        path.write_bytes(content)
    with pytest.raises(BundleInvalid):
        skops_digest(path)
