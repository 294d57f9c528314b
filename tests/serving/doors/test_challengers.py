"""Canary and shadow at every door: who answers, that it stays so, and what is seen and counted of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from vouchml.settings import CanarySettings

if TYPE_CHECKING:
    from tests.serving.conftest import Eventually, Project
    from tests.serving.doors.conftest import ServeWith

MODEL = "breast_cancer_classifier"
INFER = f"/v2/models/{MODEL}/infer"
CANARY = CanarySettings(version="2", share=0.3)

Ask = Callable[[httpx.Client, dict[str, float], str], dict[str, Any]]


def by_predict(client: httpx.Client, row: dict[str, float], request_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/predict", json={"features": row, "request_id": request_id}).json()
    return answer


def by_batch(client: httpx.Client, row: dict[str, float], request_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/predict/batch", json={"rows": [row], "request_id": request_id}).json()
    return {**answer, **answer["predictions"][0]}


def by_inference(client: httpx.Client, row: dict[str, float], request_id: str) -> dict[str, Any]:
    tensor = {"name": "features", "shape": [1, len(row)], "datatype": "FP64", "data": list(row.values())}
    answer = client.post(INFER, json={"inputs": [tensor], "id": request_id}).json()
    return {
        **answer["parameters"],
        "model_version": answer["model_version"],
        "probability_positive_class": answer["outputs"][0]["data"][0],
    }


DOORS: dict[str, Ask] = {"predict": by_predict, "batch": by_batch, "open inference": by_inference}


def counted(client: httpx.Client, series: str, label: str) -> dict[str, float]:
    """The counts of a series by the value of its label, without those that are zero."""
    counts = {}
    for line in client.get("/metrics").text.splitlines():
        name, _, rest = line.partition("{")
        if name == series:
            value = rest.split(f'{label}="')[1].partition('"')[0]
            counts[value] = float(line.rpartition(" ")[2])
    return {value: count for value, count in counts.items() if count}


def test_a_canary_answers_the_same_requests_at_every_door_and_after_a_restart(
    serve_with: ServeWith, features: dict[str, float]
) -> None:
    ids = [f"request:{number}" for number in range(60)]
    with serve_with(canary=CANARY) as client:
        first = {name: [ask(client, features, each) for each in ids] for name, ask in DOORS.items()}
        arms = counted(client, "vouch_canary_total", "arm")
    with serve_with(canary=CANARY) as client:
        again = [by_predict(client, features, each) for each in ids]

    roles = [answer["model_role"] for answer in first["predict"]]
    assert set(roles) == {"champion", "challenger"}
    for answers in (*first.values(), again):
        assert [answer["model_role"] for answer in answers] == roles
        assert [answer["model_version"] for answer in answers] == ["1" if role == "champion" else "2" for role in roles]
        assert [answer["probability_positive_class"] for answer in answers] == [
            answer["probability_positive_class"] for answer in first["predict"]
        ]
    assert len({answer["probability_positive_class"] for answer in again}) == 2
    assert arms == {role: 3.0 * count for role, count in Counter(roles).items()}


def test_a_canary_answers_invocations_by_their_request_id_and_says_so_in_the_headers(
    serve_with: ServeWith, features: dict[str, float]
) -> None:
    with serve_with(canary=CANARY) as client:
        replies = [client.post("/invocations", json={"instances": [features]}) for _ in range(40)]
        same = [by_predict(client, features, reply.headers["X-Request-ID"]) for reply in replies]

    found = [(reply.headers["X-Vouch-Model-Role"], reply.headers["X-Vouch-Model-Version"]) for reply in replies]
    assert found == [(answer["model_role"], answer["model_version"]) for answer in same]
    assert len(set(found)) == 2


def test_the_share_of_a_canary_is_the_share_of_the_requests(serve_with: ServeWith, features: dict[str, float]) -> None:
    share, requests = 0.05, 2_000
    with serve_with(canary=CanarySettings(version="2", share=share)) as client:
        found = Counter(
            client.post("/predict", json={"features": features}).json()["model_version"] for _ in range(requests)
        )
        arms = counted(client, "vouch_canary_total", "arm")

    assert arms == {"champion": found["1"], "challenger": found["2"]}
    # Outside of this it would be by chance once in 10^9.
    assert abs(found["2"] - share * requests) <= 6.1 * math.sqrt(requests * share * (1 - share))


def test_who_names_a_version_in_the_address_is_answered_by_it(
    serve_with: ServeWith, features: dict[str, float]
) -> None:
    tensor = {"name": "features", "shape": [1, 30], "datatype": "FP64", "data": list(features.values())}
    with serve_with(canary=CanarySettings(version="2", share=0.99)) as client:
        answers = [
            client.post(f"/v2/models/{MODEL}/versions/1/infer", json={"inputs": [tensor]}).json() for _ in range(10)
        ]

    assert {(answer["model_version"], answer["parameters"]["model_role"]) for answer in answers} == {("1", "champion")}


def with_threshold(threshold: float) -> Callable[[Path], None]:
    return changed('"threshold":0.5', f'"threshold":{threshold}')


def changed(old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "contract.json"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change


def test_a_shadow_answers_nobody_and_how_often_it_would_decide_otherwise_is_counted(
    served_project: Project,
    serve_with: ServeWith,
    eventually: Eventually,
    names: list[str],
    rows: NDArray[np.float64],
) -> None:
    challenger = served_project.add_version(with_threshold(0.95), served_project.settings.root / "challenger")
    records = [dict(zip(names, row, strict=True)) for row in rows.tolist()]

    with serve_with(shadow=str(challenger)) as client:
        batch = client.post("/predict/batch", json={"rows": records}).json()
        singles = [by_predict(client, record, "a") for record in records[:100]]
        other_doors = [by_inference(client, records[0], "a"), by_batch(client, records[0], "b")]
        client.post("/invocations", json={"instances": records[:10]})
        eventually(lambda: sum(counted(client, "vouch_shadow_total", "outcome").values()) == 569 + 100 + 2 + 10)
        outcomes = counted(client, "vouch_shadow_total", "outcome")
        served = counted(client, "vouch_model_served", "role")

    assert {answer["model_version"] for answer in (batch, *singles, *other_doors)} == {"1"}
    assert {answer["shadow_version"] for answer in (batch, *singles, *other_doors)} == {str(challenger)}
    assert served == {"champion": 1.0, "shadow": 1.0}
    probabilities = np.array([row["probability_positive_class"] for row in batch["predictions"]])
    scored = np.concatenate([probabilities, probabilities[:100], probabilities[[0, 0]], probabilities[:10]])
    disagreed = int(((scored >= 0.5) != (scored >= 0.95)).sum())
    assert disagreed > 10
    assert outcomes == {"disagreed": disagreed, "agreed": len(scored) - disagreed}


@pytest.mark.parametrize("role", ["canary", "shadow"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed('"label":"malignant"', '"label":"other"'), "takes other features, or knows other labels"),
        (changed('"name":"mean radius"', '"name":"radius"'), "takes other features, or knows other labels"),
        (lambda folder: (folder / "affine.json").unlink(), "has no affine.json"),
        (None, "does not have version 99"),
    ],
)
def test_a_challenger_that_cannot_stand_beside_the_champion_is_left_out_with_a_warning(
    served_project: Project,
    serve_with: ServeWith,
    features: dict[str, float],
    role: str,
    change: Callable[[Path], None] | None,
    said: str,
) -> None:
    number = served_project.add_version(change, served_project.settings.root / "challenger") if change else 99
    reference = str(number)
    setting: Any = CanarySettings(version=reference, share=0.99) if role == "canary" else reference

    with serve_with(**{role: setting}) as client:
        answers = [by_predict(client, features, f"request:{number}") for number in range(10)]
        health = client.get("/health").json()  # by then the ledger is open

    (warning,) = [warning for warning in health["warnings"] if warning.startswith(f"There is no {role}: ")]
    assert said in warning
    assert (health["status"], health["reasons"]) == ("ok", [])
    assert {(answer["model_version"], answer["model_role"]) for answer in answers} == {("1", "champion")}
    assert {answer["shadow_version"] for answer in answers} == {None}
