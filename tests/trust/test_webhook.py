"""Deliveries signed by MLflow's own function, and what must be refused of them."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.webhooks.delivery import _generate_hmac_signature

from vouchml.errors import WebhookRefused
from vouchml.trust import SeenDeliveries, WebhookEvent, verify_webhook

SECRET = "a secret that MLflow has too"
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
EVENT = {
    "entity": "model_version_alias",
    "action": "created",
    "timestamp": NOW.isoformat(),
    "data": {"name": "größe", "alias": "staging", "version": "3"},
}
BODY = json.dumps(EVENT).encode()
DELIVERY = "7d3c0f5e-8a52-4a7b-9a53-0d3f0f1f2a55"

Headers = list[tuple[bytes, bytes]]


def signed(
    body: bytes = BODY, *, delivery: str = DELIVERY, sent: datetime | str = NOW, secret: str = SECRET
) -> Headers:
    """The headers that MLflow sends with `body`."""
    timestamp = sent if isinstance(sent, str) else str(int(sent.timestamp()))
    return [
        (b"content-type", b"application/json"),
        (b"x-mlflow-delivery-id", delivery.encode()),
        (b"x-mlflow-timestamp", timestamp.encode()),
        (b"x-mlflow-signature", _generate_hmac_signature(secret, delivery, timestamp, body.decode()).encode()),
    ]


def verify(
    headers: Headers,
    body: bytes = BODY,
    *,
    secret: str = SECRET,
    now: datetime = NOW,
    seen: SeenDeliveries | None = None,
) -> WebhookEvent:
    return verify_webhook(headers, body, secret=secret, now=now, seen=seen or SeenDeliveries())


def test_a_delivery_of_mlflow_is_taken_and_says_what_happened() -> None:
    event = verify(signed())
    assert event == WebhookEvent(
        delivery_id=DELIVERY,
        sent=NOW,
        entity="model_version_alias",
        action="created",
        name="größe",
        version="3",
        alias="staging",
    )
    assert event.concerns("größe")
    assert not event.concerns("another")


def test_a_prompt_of_the_same_name_does_not_concern_the_model() -> None:
    body = json.dumps(EVENT | {"entity": "prompt_alias"}).encode()
    assert not verify(signed(body), body).concerns("größe")


def test_an_event_without_a_model_is_taken() -> None:
    body = json.dumps({"entity": "budget_policy", "action": "exceeded", "data": {"workspace": "default"}}).encode()
    event = verify(signed(body), body)
    assert (event.entity, event.name, event.concerns("größe")) == ("budget_policy", None, False)


@given(st.data())
def test_one_other_byte_anywhere_is_refused(data: st.DataObject) -> None:
    headers, body = signed(), BODY
    at = data.draw(st.integers(0, 3))
    whole = headers[at][1] if at else body
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[place]))
    changed = whole[:place] + bytes([byte]) + whole[place + 1 :]
    if at:
        headers[at] = (headers[at][0], changed)
    else:
        body = changed
    with pytest.raises(WebhookRefused):
        verify(headers, body)


def test_another_secret_and_no_secret_are_refused() -> None:
    with pytest.raises(WebhookRefused, match="signature does not fit"):
        verify(signed(secret="another"))
    with pytest.raises(WebhookRefused, match="no secret"):
        verify(signed(secret=""), secret="")


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_delivery_without_one_of_the_headers_is_refused(missing: int) -> None:
    headers = signed()
    del headers[missing]
    with pytest.raises(WebhookRefused, match="each once"):
        verify(headers)


@pytest.mark.parametrize("twice", [1, 2, 3])
def test_a_delivery_with_one_of_the_headers_twice_is_refused(twice: int) -> None:
    headers = signed()
    with pytest.raises(WebhookRefused, match="each once"):
        verify([*headers, headers[twice]])


@pytest.mark.parametrize("seconds", [-300, -299, 0, 299, 300])
def test_a_delivery_is_fresh_for_five_minutes_both_ways(seconds: int) -> None:
    assert verify(signed(sent=NOW + timedelta(seconds=seconds))).name == "größe"


@pytest.mark.parametrize("seconds", [-86_400, -301, 301, 86_400])
def test_a_delivery_that_is_older_or_further_ahead_is_refused(seconds: int) -> None:
    with pytest.raises(WebhookRefused, match="more than 5 minutes"):
        verify(signed(sent=NOW + timedelta(seconds=seconds)))


@pytest.mark.parametrize("sent", ["", "1.5", "-1", "1e9", "٣", " 1769860800", "9" * 12, "nan"])
def test_a_timestamp_that_is_no_number_of_seconds_is_refused_however_well_signed(sent: str) -> None:
    with pytest.raises(WebhookRefused, match="malformed"):
        verify(signed(sent=sent))


@pytest.mark.parametrize("delivery", ["", "a.1769860800", "a b", "x" * 129, "ä"])
def test_a_delivery_id_that_could_be_read_in_two_ways_is_refused(delivery: str) -> None:
    with pytest.raises(WebhookRefused, match="malformed"):
        verify(signed(delivery=delivery))


@pytest.mark.parametrize("signature", ["", "v1", "v1,", "v2,AAAA", "v1,ä", "v1a,", "v1,AAAA v1,AAAA"])
def test_a_signature_in_another_form_is_refused(signature: str) -> None:
    headers = [*signed()[:3], (b"x-mlflow-signature", signature.encode())]
    with pytest.raises(WebhookRefused, match="does not fit"):
        verify(headers)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"{",
        b'{"entity": "a", "action": "b"}',
        b'{"entity": "a", "action": "b", "data": []}',
        b'{"entity": 1, "action": "b", "data": {}}',
        b'{"entity": "a", "action": "b", "data": {"name": 1}}',
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_event_is_refused_however_well_signed(body: bytes) -> None:
    with pytest.raises(WebhookRefused, match="not an event"):
        verify(signed(body), body)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"x-mlflow-delivery-id", b"x-mlflow-timestamp", b"x-mlflow-signature"]), st.binary()
        ),
        max_size=4,
    ),
    st.binary(max_size=60),
)
def test_whatever_arrives_is_refused_and_never_repeated(headers: Headers, body: bytes) -> None:
    with pytest.raises(WebhookRefused) as refusal:
        verify(headers, body)
    for sent in (body, *(value for _, value in headers)):
        assert len(sent) < 9 or sent.decode("latin-1") not in refusal.value.diagnostics()


def test_a_delivery_that_is_sent_again_is_refused() -> None:
    seen = SeenDeliveries()
    verify(signed(), seen=seen)
    for now in (NOW, NOW + timedelta(minutes=5)):
        with pytest.raises(WebhookRefused, match="taken before"):
            verify(signed(), seen=seen, now=now)
    verify(signed(delivery="another"), seen=seen)


def test_a_delivery_that_was_refused_may_be_sent_again_as_it_should_be() -> None:
    seen = SeenDeliveries()
    with pytest.raises(WebhookRefused, match="does not fit"):
        verify(signed(), b"{}", seen=seen)
    assert verify(signed(), seen=seen).delivery_id == DELIVERY


def test_a_delivery_from_ahead_is_remembered_until_it_is_no_longer_fresh() -> None:
    seen = SeenDeliveries(limit=1)
    ahead, last_moment = signed(sent=NOW + timedelta(minutes=5)), NOW + timedelta(minutes=10)
    verify(ahead, seen=seen)
    with pytest.raises(WebhookRefused, match="Too many"):  # and nothing was forgotten to make room
        verify(signed(delivery="another", sent=last_moment), seen=seen, now=last_moment)
    with pytest.raises(WebhookRefused, match="taken before"):
        verify(ahead, seen=seen, now=last_moment)


def test_when_it_is_full_of_fresh_deliveries_the_next_is_refused_and_later_taken() -> None:
    seen = SeenDeliveries(limit=3)
    for number in range(3):
        verify(signed(delivery=f"d{number}"), seen=seen)
    with pytest.raises(WebhookRefused, match="Too many"):
        verify(signed(delivery="d3"), seen=seen)
    with pytest.raises(WebhookRefused, match="taken before"):
        verify(signed(delivery="d0"), seen=seen)
    later = NOW + timedelta(minutes=5, seconds=1)
    verify(signed(delivery="d3", sent=later), seen=seen, now=later)


def test_the_memory_of_deliveries_is_bounded() -> None:
    seen = SeenDeliveries(limit=1000)
    tracemalloc.start()
    for number in range(5000):
        now = NOW + timedelta(seconds=number)
        seen.take(f"{number:0128}", fresh_until=now + timedelta(seconds=300), now=now)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 1_000_000
