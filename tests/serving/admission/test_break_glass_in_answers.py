"""Every answer says that it is by an emergency admission: in a header at each door, and in the body where it can."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from tests.serving.doors.test_same_bytes import BATCH, INFER, INVOCATIONS, JSON, PREDICT, Sent, answered, documented
from tests.serving.doors.test_same_bytes import requests as any_requests

from vouchml.serving.app import create_app
from vouchml.serving.following.watcher import Watcher
from vouchml.serving.service import Service
from vouchml.settings import LedgerSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tests.serving.admission.conftest import Vouched


@pytest.fixture
def service(vouched: Vouched) -> Service:
    """Version 2 serves, without a decision, for an hour."""
    vouched.sign(2)
    vouched.break_glass(2, seconds=3600)
    vouched.project.promote("2")
    Watcher(vouched.settings).poll()
    service = create_app(vouched.settings.model_copy(update={"ledger": LedgerSettings(url="")}))
    service.follower.refresh()
    return service


def asked(service: Service, path: str, document: Any) -> tuple[dict[str, Any], dict[bytes, bytes]]:
    """Body and headers of the answer."""
    status, headers, body = asyncio.run(answered(service, Sent(path, (JSON,), (json.dumps(document).encode(),))))
    assert status == 200
    return json.loads(body), dict(headers)


def test_the_body_of_each_door_that_is_ours_and_the_parameters_of_the_inference_protocol_say_until_when(
    service: Service, rows: NDArray[np.float64]
) -> None:
    served = service.follower.serving_model()
    assert served.admitted.admission is not None
    until = f"{served.admitted.admission.valid_until:%Y-%m-%dT%H:%M:%SZ}"
    names = served.contract.feature_names
    row = dict(zip(names, rows[0].tolist(), strict=True))
    tensor = {"name": "features", "shape": [1, len(names)], "datatype": "FP64", "data": rows[0].tolist()}
    answers = {
        PREDICT: asked(service, PREDICT, {"features": row}),
        BATCH: asked(service, BATCH, {"rows": [row, row]}),
        INFER: asked(service, INFER, {"inputs": [tensor]}),
        INVOCATIONS: asked(service, INVOCATIONS, {"instances": [row]}),
    }
    assert answers[PREDICT][0]["break_glass_until"] == until
    assert answers[BATCH][0]["break_glass_until"] == until
    assert answers[INFER][0]["parameters"]["break_glass_until"] == until
    assert set(answers[INVOCATIONS][0]) == {"predictions"}  # MLflow's clients know no other
    assert all(headers[b"x-vouch-break-glass"] == until.encode() for _, headers in answers.values())


def test_the_hot_path_and_the_routes_say_it_with_the_same_bytes(service: Service) -> None:
    routes = documented(service)
    names = service.follower.serving_model().contract.feature_names
    with asyncio.Runner() as runner:

        @settings(max_examples=60, deadline=None)
        @given(any_requests(names))
        def the_same(sent: Sent) -> None:
            assert runner.run(answered(routes, sent)) == runner.run(answered(service, sent))

        the_same()


def test_the_openapi_document_declares_it(service: Service) -> None:
    schemas = service.documented.openapi()["components"]["schemas"]
    for name in ("Prediction", "BatchPrediction"):
        assert "break_glass_until" in schemas[name]["properties"]
        assert "break_glass_until" not in schemas[name]["required"]
    assert "break_glass_until" in schemas["InferenceResponse"]["properties"]["parameters"]["description"]
