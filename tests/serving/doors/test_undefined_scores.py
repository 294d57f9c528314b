"""A row for which a model gives no probability is refused on every door, and never answered with NaN."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from vouchml.serving.app import create_app

if TYPE_CHECKING:
    from tests.serving.conftest import Eventually, Project, Serve

HUGE = 1.7e308


@pytest.mark.parametrize("scorer", ["affine", "onnx", "sklearn"])
def test_a_row_without_a_probability_is_refused_on_every_door(
    served_project: Project, names: list[str], serve: Serve, eventually: Eventually, scorer: str
) -> None:
    def name_the_scorer(folder: Path) -> None:
        contract = folder / "contract.json"
        contract.write_text(contract.read_text().replace('"scorer":"affine"', f'"scorer":"{scorer}"'))

    number = served_project.add_version(name_the_scorer, served_project.settings.root / "source")
    served_project.promote(str(number))
    row = [HUGE if place % 2 else -HUGE for place in range(len(names))]
    named = dict(zip(names, row, strict=True))
    bodies = {
        "/predict": {"features": named},
        "/predict/batch": {"rows": [named]},
        "/invocations": {"dataframe_split": {"columns": names, "data": [row]}},
        f"/v2/models/{served_project.name}/infer": {
            "inputs": [{"name": "features", "shape": [1, len(row)], "datatype": "FP64", "data": row}]
        },
    }
    with serve(create_app(served_project.settings)) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        replies = {path: client.post(path, json=body) for path, body in bodies.items()}

    for path, reply in replies.items():
        assert "1.7e+308" not in reply.text
        assert strict(reply)
        if scorer == "affine":  # it has a probability for every finite row
            assert reply.status_code == 200, path
        else:
            assert reply.status_code in (400, 422), path
            assert "no probability" in reply.text


def strict(reply: httpx.Response) -> bool:
    """Whether the reply is JSON without the words that JSON does not have."""

    def refuse(word: str) -> None:
        raise AssertionError(word)

    return bool(json.loads(reply.text, parse_constant=refuse))
