"""`GET /trace` and `GET /receipt` of a real service: what they prove, and to whom they show what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from vouchml.ledger.checkpoint import VerifierKey
from vouchml.ledger.open import create_ledger
from vouchml.ledger.receipt import Receipt
from vouchml.ledger.receipt_check import verify_receipt
from vouchml.ledger.trusted_keys import verifiers
from vouchml.serving.app import create_app
from vouchml.serving.following.watcher import Watcher
from vouchml.settings import LedgerSettings, Settings
from vouchml.trust.api_keys_file import api_keys_path, create_api_key
from vouchml.trust.caller import Scope
from vouchml.trust.key_ring import KeyRing

if TYPE_CHECKING:
    from tests.serving.conftest import Eventually, Project, Serve


@pytest.fixture
def settings(served_project: Project) -> Settings:
    """Keys, version 1 in the stage, and a checkpoint after each record."""
    ledger = LedgerSettings(checkpoint_records=1)
    changed = served_project.settings.model_copy(update={"ledger": ledger})
    KeyRing(changed.signing_keys_folder, changed.trust_store_path).add_development_keys()
    served_project.promote("1")
    Watcher(changed).poll()
    return changed


@pytest.fixture
def client(settings: Settings, serve: Serve, eventually: Eventually) -> Iterator[httpx.Client]:
    with serve(create_app(settings)) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        yield client


@pytest.fixture
def features(client: httpx.Client) -> dict[str, float]:
    return dict.fromkeys(client.get("/model-info").json()["expected_features"], 0.123456789)


def key_of(settings: Settings) -> VerifierKey:
    trust = KeyRing(settings.signing_keys_folder, settings.trust_store_path).store()
    (key,) = verifiers(trust, create_ledger(settings))
    return key


def statuses(traced: dict[str, Any]) -> dict[str, str]:
    return {f"{link['part']} {link['name']}": link["status"] for link in traced["links"]}


def test_the_trace_of_an_answer_names_its_links_and_none_of_its_inputs(
    client: httpx.Client, features: dict[str, float]
) -> None:
    answer = client.post("/predict", json={"request_id": "r-1", "features": features}).json()
    for name in ("r-1", answer["prediction_id"]):
        reply = client.get(f"/trace/{name}")
        assert reply.status_code == 200
        (traced,) = reply.json()["predictions"]
        assert (traced["request_id"], traced["prediction_id"]) == ("r-1", answer["prediction_id"])
        assert traced["payload"] is None
        found = statuses(traced)
        assert {found[link] for link in ("record record", "record payload", "log inclusion", "log signature")} == {
            "verified"
        }
        assert {found[link] for link in ("log key", "model load", "origin version")} == {"verified"}
        assert {found[link] for link in ("model decision", "origin run")} == {"not checked"}
        assert "0.123456789" not in reply.text
        assert answer["prediction_label"] not in reply.text


def test_with_the_flag_the_payload_is_shown(client: httpx.Client, features: dict[str, float]) -> None:
    answer = client.post("/predict", json={"request_id": "r-1", "features": features}).json()
    (traced,) = client.get("/trace/r-1?payload=true").json()["predictions"]
    assert traced["payload"]["inputs"] == list(features.values())
    assert traced["payload"]["probability"] == answer["probability_positive_class"]
    assert traced["payload"]["label"] == answer["prediction_label"]


def test_a_receipt_verifies_offline_with_and_without_its_payload(
    client: httpx.Client, features: dict[str, float], settings: Settings
) -> None:
    client.post("/predict", json={"request_id": "r-1", "features": features})
    whole = verify_receipt(Receipt.parse(client.get("/receipt/r-1?payload=true").text), key_of(settings))
    assert whole.outcome == "ok"
    reply = client.get("/receipt/r-1")
    verified = verify_receipt(Receipt.parse(reply.text), key_of(settings))
    assert {link.name: link.status.value for link in verified.links} == {
        "leaf": "verified",
        "commitment": "not checked",
        "inclusion": "verified",
        "signature": "verified",
        "origin": "verified",
    }
    assert reply.json()["payload"] is reply.json()["salt"] is None


def test_a_batch_has_a_receipt_a_row(client: httpx.Client, features: dict[str, float], settings: Settings) -> None:
    client.post("/predict/batch", json={"request_id": "many", "rows": [features] * 3})
    assert client.get("/trace/many").json()["found"] == 3
    assert client.get("/receipt/many").status_code == 409
    assert client.get("/receipt/many").json()["detail"]["code"] == "record-ambiguous"
    receipt = Receipt.parse(client.get("/receipt/many?row=2&payload=true").text)
    assert verify_receipt(receipt, key_of(settings)).outcome == "ok"
    assert client.get("/receipt/many?row=3").status_code == 404


def test_an_unknown_id_is_404_and_a_parameter_that_is_none_is_400_and_neither_is_repeated(client: httpx.Client) -> None:
    for address in ("/trace/unheard-of", "/receipt/unheard-of"):
        reply = client.get(address)
        assert (reply.status_code, reply.json()["detail"]["code"]) == (404, "record-not-found")
        assert "unheard-of" not in reply.text
        for wrong in ("row=-1", "row=1.5", "row=%D9%A1", "row=", "payload=yes", "payload="):
            reply = client.get(f"{address}?{wrong}")
            assert (reply.status_code, reply.json()["detail"]["code"]) == (400, "query-invalid"), wrong


def test_a_receipt_that_no_checkpoint_covers_yet_says_when_to_ask_again(
    settings: Settings, serve: Serve, eventually: Eventually
) -> None:
    slow = settings.model_copy(update={"ledger": LedgerSettings(checkpoint_records=1000, checkpoint_seconds=89.5)})
    with serve(create_app(slow)) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        features = dict.fromkeys(client.get("/model-info").json()["expected_features"], 1.0)
        client.post("/predict", json={"request_id": "r-1", "features": features})
        reply = client.get("/receipt/r-1")
        assert (reply.status_code, reply.json()["detail"]["code"]) == (409, "checkpoint-awaited")
        assert reply.headers["retry-after"] == "90"
        found = statuses(client.get("/trace/r-1").json()["predictions"][0])
        assert (found["log inclusion"], found["log signature"]) == ("verified", "not checked")


def test_who_may_read_sees_links_who_may_operate_sees_inputs_and_who_may_predict_sees_nothing(
    settings: Settings, serve: Serve, eventually: Eventually
) -> None:
    file = api_keys_path(settings.private_folder)
    scopes: tuple[Scope, ...] = ("predict", "read", "operate")
    keys = {scope: {"X-API-Key": create_api_key(file, name=scope, scopes=(scope,))[1]} for scope in scopes}
    with serve(create_app(settings)) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        names = client.get("/model-info", headers=keys["read"]).json()["expected_features"]
        body = {"request_id": "r-1", "features": dict.fromkeys(names, 1.0)}
        assert client.post("/predict", json=body, headers=keys["predict"]).status_code == 200
        addresses = ("/trace/r-1", "/receipt/r-1", "/trace/r-1?payload=true", "/receipt/r-1?payload=true")
        seen = {scope: [client.get(each, headers=keys[scope]).status_code for each in addresses] for scope in scopes}
    assert seen == {"predict": [403] * 4, "read": [200, 200, 403, 403], "operate": [200] * 4}


def test_a_service_without_a_ledger_says_so(settings: Settings, serve: Serve, eventually: Eventually) -> None:
    without = settings.model_copy(update={"ledger": LedgerSettings(url="")})
    with serve(create_app(without)) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        for address in ("/trace/r-1", "/receipt/r-1"):
            reply = client.get(address)
            assert (reply.status_code, reply.json()["detail"]["code"]) == (503, "ledger-invalid")
            assert "keeps no ledger" in reply.json()["detail"]["message"]
