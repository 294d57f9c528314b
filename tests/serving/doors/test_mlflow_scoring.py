"""`/ping`, `/version` and `/invocations` beside MLflow itself: its client, and its model."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from numpy.typing import NDArray
from tests.serving.doors.mlflow_bodies import CSV, FORMS, JSON, parquet, post

from vouchml.serving.app import create_app

if TYPE_CHECKING:
    from tests.serving.conftest import Project, Serve
    from tests.serving.doors.conftest import ServeWith

TOLERANCE = 1e-12


@pytest.fixture
def frame(names: list[str], rows: NDArray[np.float64]) -> pd.DataFrame:
    """The whole table."""
    return pd.DataFrame(rows, columns=names)


@pytest.fixture
def scoring_client(shared_client: httpx.Client) -> ScoringServerClient:
    return ScoringServerClient(shared_client.base_url.host, shared_client.base_url.port)


def predictions(reply: httpx.Response) -> NDArray[np.float64]:
    assert reply.status_code == 200, reply.text
    assert reply.json().keys() == {"predictions"}
    return np.array(reply.json()["predictions"])


def refusal(reply: httpx.Response, status: int, code: str) -> str:
    """The message of an error as MLflow words it, checked for its shape."""
    assert reply.status_code == status, reply.text
    assert reply.headers["Content-Type"] == JSON
    assert reply.json().keys() == {"error_code", "message"}
    assert reply.json()["error_code"] == code
    message: str = reply.json()["message"]
    return message


def test_mlflows_own_client_finds_the_server_ready_and_of_the_version_of_mlflow(
    scoring_client: ScoringServerClient,
) -> None:
    scoring_client.wait_server_ready(timeout=5)
    scoring_client.ping()

    assert scoring_client.get_version() == mlflow.__version__


@pytest.mark.parametrize(
    "as_sent",
    [
        pytest.param(lambda frame: frame, id="a frame"),
        pytest.param(lambda frame: frame.iloc[::-1], id="a frame with an index"),
        pytest.param(lambda frame: frame.set_axis([f"row {n}" for n in range(len(frame))]), id="an index of texts"),
        pytest.param(lambda frame: frame.to_dict("records"), id="records"),
        pytest.param(lambda frame: json.dumps({"inputs": frame.to_dict("list")}), id="text"),
    ],
)
def test_mlflows_own_client_gets_what_pyfunc_predicts(
    scoring_client: ScoringServerClient, pyfunc: Any, frame: pd.DataFrame, as_sent: Callable[[pd.DataFrame], Any]
) -> None:
    sent = as_sent(frame)

    answer = scoring_client.invoke(sent).get_predictions(predictions_format="ndarray")

    expected = pyfunc.predict(sent if isinstance(sent, pd.DataFrame) else frame)
    assert answer.shape == expected.shape == (569, 2)
    assert np.abs(answer - expected).max() <= TOLERANCE


def test_mlflows_own_client_shows_a_refusal(scoring_client: ScoringServerClient, frame: pd.DataFrame) -> None:
    with pytest.raises(Exception, match=r"error code 400.*missing: mean area"):
        scoring_client.invoke(frame.drop(columns="mean area"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("turned", [False, True], ids=["in order", "in another order"])
def test_each_form_gets_what_pyfunc_predicts_in_any_order_of_the_columns(
    shared_client: httpx.Client, pyfunc: Any, frame: pd.DataFrame, form: str, turned: bool
) -> None:
    columns = random.Random(form).sample(list(frame.columns), len(frame.columns)) if turned else list(frame.columns)

    answer = predictions(post(shared_client, FORMS[form](frame[columns])))

    assert answer.shape == (569, 2)
    assert np.abs(answer - pyfunc.predict(frame)).max() <= TOLERANCE


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int64, np.uint8])
def test_parquet_of_other_numbers_is_scored_as_they_are(
    shared_client: httpx.Client, pyfunc: Any, frame: pd.DataFrame, kind: Any
) -> None:
    sent = frame.head(5).clip(upper=255).astype(kind)

    answer = predictions(post(shared_client, parquet(sent)))

    assert np.abs(answer - pyfunc.predict(sent.astype(np.float64))).max() <= TOLERANCE


def counted(client: httpx.Client, series: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(series))


def test_a_lenient_service_passes_over_extra_columns_of_each_form_and_counts_them(
    serve_with: ServeWith, shared_client: httpx.Client, frame: pd.DataFrame
) -> None:
    with serve_with(mlflow_lenient=True) as lenient:
        for form, build in FORMS.items():
            body = build(frame.head(3).assign(colour=1.5, shade=2.5))
            before = counted(lenient, "vouch_extra_columns_total")

            reply = post(lenient, body)

            same = predictions(post(shared_client, build(frame.head(3))))
            assert (predictions(reply) == same).all(), form
            assert reply.headers["X-Vouch-Extra-Columns"] == "2"
            assert counted(lenient, "vouch_extra_columns_total") == before + 2
            assert post(shared_client, body).status_code == 400


def test_an_answer_says_in_its_headers_where_it_comes_from(shared_client: httpx.Client, frame: pd.DataFrame) -> None:
    info = shared_client.get("/model-info").json()

    reply = post(shared_client, FORMS["csv"](frame.assign(**{"mean radius": 1e6}).head(3)))

    provenance = {name: text for name, text in reply.headers.items() if name.startswith("x-vouch-")}
    assert len(provenance.pop("x-vouch-prediction-id")) == 32
    assert len(reply.headers["X-Request-ID"]) == 32
    assert provenance == {
        "x-vouch-model-name": "breast_cancer_classifier",
        "x-vouch-model-version": "1",
        "x-vouch-model-stage": "Staging",
        "x-vouch-model-role": "champion",
        "x-vouch-model-digest": info["model_digest"],
        "x-vouch-source-run-id": info["source_run_id"],
        "x-vouch-positive-class": "benign",
        "x-vouch-threshold": "0.5",
        "x-vouch-out-of-range": "3",
    }


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/json; charset=latin-1", "application/json; format=pandas-split", "text/csvs"],
)
def test_a_body_of_another_type_is_refused(shared_client: httpx.Client, content_type: str) -> None:
    reply = shared_client.post(
        "/invocations", content=b"{}", headers={"Content-Type": content_type} if content_type else {}
    )

    message = refusal(reply, 415, "BAD_REQUEST")
    assert "application/json, text/csv, application/vnd.apache.parquet" in message


@pytest.mark.parametrize("content_type", ["text/csv; charset=UTF-8", 'Text/CSV;charset="utf-8"'])
def test_the_charset_utf_8_may_be_named(shared_client: httpx.Client, frame: pd.DataFrame, content_type: str) -> None:
    assert post(shared_client, (content_type, FORMS["csv"](frame.head(1))[1])).status_code == 200


def test_too_long_a_body_too_many_rows_and_another_method_are_refused_in_mlflows_words(
    serve_with: ServeWith, frame: pd.DataFrame
) -> None:
    with serve_with(max_batch_bytes=100_000, max_batch_rows=100) as client:
        refusal(post(client, (CSV, b"1" * 100_001)), 413, "BAD_REQUEST")
        refusal(client.get("/invocations"), 405, "BAD_REQUEST")
        for form, build in FORMS.items():
            assert post(client, build(frame.head(100))).status_code == 200, form
            assert "1 to 100 rows" in refusal(post(client, build(frame.head(101))), 400, "INVALID_PARAMETER_VALUE")


def test_parquet_of_too_many_rows_is_refused_by_its_footer(shared_client: httpx.Client, names: list[str]) -> None:
    kind, body = parquet(pd.DataFrame(np.ones((200_000, len(names))), columns=names))
    footer = int.from_bytes(body[-8:-4], "little") + 8
    assert len(body) < 200_000  # a few bytes stand for many rows

    # No page can be read, so whoever reads one fails in another way.
    unreadable = b"PAR1" + b"\0" * (len(body) - footer - 4) + body[-footer:]

    assert "1 to 20000 rows" in refusal(post(shared_client, (kind, unreadable)), 400, "INVALID_PARAMETER_VALUE")


def test_without_a_model_ping_says_404_and_an_invocation_503(served_project: Project, serve: Serve) -> None:
    with serve(create_app(served_project.settings)) as client:
        ping, version = client.get("/ping"), client.get("/version")
        reply = post(client, (JSON, b"{}"))

    assert ping.status_code == 404
    assert (version.status_code, version.text) == (200, mlflow.__version__)
    assert "No model is loaded." in refusal(reply, 503, "TEMPORARILY_UNAVAILABLE")
    assert reply.headers["Retry-After"] == "1"
