from __future__ import annotations

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families


def refusals(client: httpx.Client, reason: str) -> float:
    (value,) = [
        sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
        if sample.name == "vouch_refusals_total" and sample.labels == {"reason": reason}
    ]
    return float(value)


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/", 404, "not-found"),
        ("GET", "/nothing", 404, "not-found"),
        ("GET", "/v2/nothing", 404, "not-found"),
        ("DELETE", "/predict", 405, "method-not-allowed"),
        ("GET", "/invocations", 405, "method-not-allowed"),
        ("POST", "/webhooks/mlflow", 401, "webhook-refused"),
    ],
)
def test_what_no_door_refuses_is_counted_too(
    shared_client: httpx.Client, method: str, path: str, status: int, reason: str
) -> None:
    before = refusals(shared_client, reason)

    assert shared_client.request(method, path).status_code == status
    assert refusals(shared_client, reason) == before + 1


def test_an_address_with_nothing_at_it_leads_to_the_pages(shared_client: httpx.Client) -> None:
    for path in ("/", "/nothing", "/v2/nothing"):
        assert "/docs" in shared_client.get(path).text


def test_a_caller_without_a_key_is_told_what_a_caller_can_do(shared_client: httpx.Client) -> None:
    reply = shared_client.get("/model-info", headers={"Host": "elsewhere.example"})

    assert reply.status_code == 401
    assert "Authorization: Bearer" in reply.json()["detail"]["message"]
    assert "vouch " not in reply.text
