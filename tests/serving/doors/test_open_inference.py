"""`/v2` beside Triton's own client, and held to the words of the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from numpy.typing import NDArray
from tests.serving.doors.inference_bodies import INFER, MODEL, asked, refusal
from tritonclient.utils import InferenceServerException

from vouchml import __version__
from vouchml.serving.app import create_app

if TYPE_CHECKING:
    from tests.serving.conftest import Project, Serve
    from tests.serving.doors.conftest import ServeWith

TOLERANCE = 1e-12


@pytest.fixture(scope="module")
def client(shared_client: httpx.Client) -> Iterator[Any]:
    """Triton's client as it is when nothing is said."""
    address = f"{shared_client.base_url.host}:{shared_client.base_url.port}"
    with triton.InferenceServerClient(address) as made:
        yield made


@pytest.fixture(scope="module")
def expected(pyfunc: Any, names: list[str], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probability of the positive class for each row of the table, by MLflow."""
    import pandas as pd

    probabilities: NDArray[np.float64] = pyfunc.predict(pd.DataFrame(rows, columns=names))[:, 1]
    return probabilities


def matrix(rows: NDArray[np.float64], datatype: str = "FP64", **options: bool) -> Any:
    tensor = triton.InferInput("features", list(rows.shape), datatype)
    return tensor.set_data_from_numpy(rows, **options)


def test_tritons_client_finds_server_and_model_alive_ready_and_described(client: Any, names: list[str]) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, "1")
    assert not client.is_model_ready(MODEL, "2")
    assert not client.is_model_ready("another")
    assert client.get_server_metadata() == {
        "name": "vouchml",
        "version": __version__,
        "extensions": ["binary_tensor_data"],
    }
    described = client.get_model_metadata(MODEL)
    assert described == client.get_model_metadata(MODEL, "1")
    assert described == {
        "name": MODEL,
        "versions": ["1"],
        "platform": "vouchml",
        "inputs": [
            {"name": "features", "datatype": "FP64", "shape": [-1, 30], "parameters": {"columns": names}},
        ],
        "outputs": [
            {"name": "probability_positive_class", "datatype": "FP64", "shape": [-1]},
            {"name": "prediction", "datatype": "INT64", "shape": [-1]},
            {"name": "prediction_label", "datatype": "BYTES", "shape": [-1]},
        ],
    }


@pytest.mark.parametrize("version", ["", "1"])
def test_tritons_client_gets_binary_tensors_for_a_binary_matrix(
    client: Any, rows: NDArray[np.float64], expected: NDArray[np.float64], version: str
) -> None:
    result = client.infer(MODEL, [matrix(rows)], model_version=version, request_id="study:1")

    response = result.get_response()
    probabilities, decided = result.as_numpy("probability_positive_class"), expected >= 0.5
    assert (response["model_name"], response["model_version"], response["id"]) == (MODEL, "1", "study:1")
    assert all("binary_data_size" in output["parameters"] for output in response["outputs"])
    assert probabilities.dtype == np.float64
    assert np.abs(probabilities - expected).max() <= TOLERANCE
    assert result.as_numpy("prediction").tolist() == decided.astype(int).tolist()
    labels = [b"benign" if positive else b"malignant" for positive in decided]
    assert result.as_numpy("prediction_label").tolist() == labels


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
@pytest.mark.parametrize("binary_data", [True, False])
def test_tritons_client_may_send_a_tensor_for_each_feature_in_any_order(
    client: Any,
    names: list[str],
    rows: NDArray[np.float64],
    expected: NDArray[np.float64],
    shape: tuple[int, ...],
    binary_data: bool,
) -> None:
    tensors = []
    for position in reversed(range(len(names))):
        column = np.ascontiguousarray(rows[:, position]).reshape(shape)
        tensor = triton.InferInput(names[position], list(column.shape), "FP64")
        tensors.append(tensor.set_data_from_numpy(column, binary_data=binary_data))

    result = client.infer(MODEL, tensors)

    assert np.abs(result.as_numpy("probability_positive_class") - expected).max() <= TOLERANCE


def test_tritons_client_may_speak_json_alone_and_choose_its_outputs(
    client: Any, rows: NDArray[np.float64], expected: NDArray[np.float64]
) -> None:
    wanted = [
        triton.InferRequestedOutput("prediction_label", binary_data=False),
        triton.InferRequestedOutput("probability_positive_class", binary_data=False),
    ]

    result = client.infer(MODEL, [matrix(rows, binary_data=False)], outputs=wanted)

    outputs = result.get_response()["outputs"]
    assert [output["name"] for output in outputs] == ["prediction_label", "probability_positive_class"]
    assert all("parameters" not in output for output in outputs)
    assert set(outputs[0]["data"]) == {"benign", "malignant"}
    assert np.abs(result.as_numpy("probability_positive_class") - expected).max() <= TOLERANCE


def test_tritons_client_may_mix_binary_and_json_outputs(client: Any, rows: NDArray[np.float64]) -> None:
    wanted = [
        triton.InferRequestedOutput("prediction", binary_data=False),
        triton.InferRequestedOutput("prediction_label"),
    ]

    result = client.infer(MODEL, [matrix(rows[:3])], outputs=wanted)

    assert result.as_numpy("prediction").tolist() == [0, 0, 0]
    assert result.as_numpy("prediction_label").tolist() == [b"malignant"] * 3


@pytest.mark.parametrize(
    ("kind", "datatype"),
    [("f4", "FP32"), ("i1", "INT8"), ("i2", "INT16"), ("i4", "INT32"), ("i8", "INT64"), ("u2", "UINT16")],
)
def test_numbers_of_other_datatypes_are_scored_as_they_are(
    client: Any, rows: NDArray[np.float64], kind: str, datatype: str
) -> None:
    cast = rows[:5].clip(0, 127).astype(kind)

    found = client.infer(MODEL, [matrix(cast, datatype)]).as_numpy("probability_positive_class")

    same = client.infer(MODEL, [matrix(cast.astype(np.float64))]).as_numpy("probability_positive_class")
    assert found.tolist() == same.tolist()


def test_tritons_client_is_told_why_it_is_refused(client: Any, rows: NDArray[np.float64]) -> None:
    with pytest.raises(InferenceServerException, match="must have the shape") as shape:
        client.infer(MODEL, [matrix(np.ascontiguousarray(rows[:, :29]))])
    with pytest.raises(InferenceServerException, match="The version that serves is 1") as version:
        client.infer(MODEL, [matrix(rows)], model_version="2")
    with pytest.raises(InferenceServerException, match=f"The model here is {MODEL}") as model:
        client.infer("another", [matrix(rows)])
    with pytest.raises(InferenceServerException, match="nothing at this address") as address:
        client.get_model_config(MODEL)

    assert [error.value.status() for error in (shape, version, model, address)] == ["400", "404", "404", "404"]


def test_an_answer_says_in_its_parameters_where_it_comes_from(shared_client: httpx.Client) -> None:
    info = shared_client.get("/model-info").json()

    reply = shared_client.post(INFER, json={"id": "a", **asked()})

    answer = reply.json()
    assert reply.headers["X-Request-ID"] == "a"
    assert len(answer["parameters"].pop("prediction_id")) == 32
    assert answer["parameters"] == {
        "model_stage": "Staging",
        "source_run_id": info["source_run_id"],
        "positive_class": "benign",
        "threshold": 0.5,
        "model_role": "champion",
        "shadow_version": "",
        "out_of_range_count": answer["parameters"]["out_of_range_count"],
    }
    assert answer["parameters"]["out_of_range_count"] > 0


def test_a_request_without_an_id_gets_one_of_its_own(shared_client: httpx.Client) -> None:
    replies = [shared_client.post(INFER, json=body) for body in (asked(), {**asked(), "id": None})]

    ids = [reply.json()["id"] for reply in replies]
    assert [reply.headers["X-Request-ID"] for reply in replies] == ids
    assert len(set(ids)) == 2
    assert all(len(text) == 32 for text in ids)


@pytest.mark.parametrize("path", ["/v2/", "/v2/nothing", "/v2/models", f"/v2/models/{MODEL}/config", f"{INFER}/more"])
def test_an_address_that_is_none_is_refused_in_the_words_of_the_protocol(
    shared_client: httpx.Client, path: str
) -> None:
    assert "nothing at this address" in refusal(shared_client.get(path), 404)


def test_another_method_is_refused_in_the_words_of_the_protocol(shared_client: httpx.Client) -> None:
    reply = shared_client.get(INFER)

    assert "does not take this method" in refusal(reply, 405)
    assert reply.headers["Allow"] == "POST"


def test_too_long_a_body_and_too_many_rows_are_refused(serve_with: ServeWith) -> None:
    with serve_with(max_batch_bytes=100_000, max_batch_rows=10) as client:
        ten, eleven = (asked(shape=[count, 30], data=[1.0] * 30 * count) for count in (10, 11))

        assert client.post(INFER, json=ten).status_code == 200
        assert "1 to 10 rows" in refusal(client.post(INFER, json=eleven), 400)
        too_long = client.post(INFER, content=b"1" * 100_001, headers={"Content-Type": "application/json"})
        at_a_version = client.post(
            f"/v2/models/{MODEL}/versions/1/infer",
            content=b"1" * 100_001,
            headers={"Content-Type": "application/json"},
        )

    for reply in (too_long, at_a_version):
        refusal(reply, 413)
        assert reply.headers["Connection"] == "close"


def test_without_a_model_nothing_is_ready_and_an_inference_is_503(served_project: Project, serve: Serve) -> None:
    with serve(create_app(served_project.settings)) as http:
        address = f"{http.base_url.host}:{http.base_url.port}"
        with triton.InferenceServerClient(address) as client:
            ready = (client.is_server_live(), client.is_server_ready(), client.is_model_ready(MODEL))
        reply = http.post(INFER, json=asked())
        described = http.get(f"/v2/models/{MODEL}")

    assert ready == (True, False, False)
    for refused in (reply, described):
        assert "No model is loaded." in refusal(refused, 503)
        assert refused.headers["Retry-After"] == "1"
