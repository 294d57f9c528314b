from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from in_toto_attestation.v1.statement import Statement as TheirStatement
from in_toto_attestation.v1.statement_pb2 import Statement as TheirMessage
from tests.trust.signed_examples import DIGEST, LATER, NOW, signers

from vouchml.canonical_json import canonical_json
from vouchml.errors import EvidenceRefused, KeyExpired, KeyRoleWrong, StatementInvalid, StatementMismatch
from vouchml.trust.dsse import IN_TOTO, Envelope, sign_payload
from vouchml.trust.signing_key import create_signing_key
from vouchml.trust.statement import (
    APPROVAL,
    PROVENANCE,
    TEST_RESULT,
    VERIFICATION_SUMMARY,
    Statement,
    Subject,
    read_statement,
    sign_statement,
    statement_about,
    verify_statement,
)

PREDICATE = {"meaning": "approved", "rows": 114, "margin": 0.01, "by": {"name": "Ada"}}
KEY = create_signing_key("ed25519")


def unsigned(payload: Any, kind: str = IN_TOTO) -> Envelope:
    return Envelope(payload if isinstance(payload, bytes) else json.dumps(payload).encode(), kind, ())


def test_a_statement_is_canonical_json_in_the_fields_of_the_specification() -> None:
    assert statement_about(DIGEST, "m", APPROVAL, {"b": 1, "a": "é"}).to_bytes() == (
        f'{{"_type":"https://in-toto.io/Statement/v1","predicate":{{"a":"é","b":1}},"predicateType":"{APPROVAL}",'
        f'"subject":[{{"digest":{{"sha256":"{DIGEST}"}},"name":"m"}}]}}'.encode()
    )


def test_a_signed_statement_is_read_back_with_who_signed_it() -> None:
    known = signers()
    statement = statement_about(DIGEST, "m", APPROVAL, PREDICATE)
    envelope = sign_statement(statement, [known.keys["approver"]])
    verified = verify_statement(envelope, known.store, role="approver", at=NOW, digest=DIGEST, predicate_type=APPROVAL)
    assert verified.statement == statement
    assert [key.email for key in verified.signers] == ["approver@example.org"]


def test_a_statement_for_another_model_or_of_another_kind_is_refused() -> None:
    known = signers()
    two = Statement((Subject("m", DIGEST), Subject("n", "0" * 64)), APPROVAL, PREDICATE)
    wanted: dict[str, Any] = {"role": "approver", "at": NOW, "digest": DIGEST, "predicate_type": APPROVAL}
    refused: list[tuple[type[EvidenceRefused], Statement, dict[str, Any]]] = [
        (StatementMismatch, statement_about("0" * 64, "m", APPROVAL, PREDICATE), {}),
        (StatementMismatch, statement_about(DIGEST, "m", TEST_RESULT, PREDICATE), {}),
        (StatementMismatch, two, {}),
        (KeyRoleWrong, statement_about(DIGEST, "m", APPROVAL, PREDICATE), {"role": "gate"}),
        (KeyExpired, statement_about(DIGEST, "m", APPROVAL, PREDICATE), {"at": LATER}),
    ]
    for kind, statement, changes in refused:
        with pytest.raises(kind):
            verify_statement(sign_statement(statement, [known.keys["approver"]]), known.store, **(wanted | changes))


def test_a_signed_text_of_another_type_is_no_statement() -> None:
    payload = statement_about(DIGEST, "m", APPROVAL, PREDICATE).to_bytes()
    with pytest.raises(StatementInvalid, match=r"is not declared as application/vnd\.in-toto\+json"):
        read_statement(sign_payload(payload, "application/json", [KEY]))


GOOD = json.loads(statement_about(DIGEST, "m", APPROVAL, PREDICATE).to_bytes())
SUBJECT = GOOD["subject"][0]
DEFECTS: dict[str, Any] = {
    "no_json": b"{",
    "a_list": [GOOD],
    "another_type": GOOD | {"_type": "https://in-toto.io/Statement/v0.1"},
    "no_type": {name: value for name, value in GOOD.items() if name != "_type"},
    "one_field_more": GOOD | {"more": 1},
    "no_predicate": {name: value for name, value in GOOD.items() if name != "predicate"},
    "predicate_as_list": GOOD | {"predicate": []},
    "no_predicate_type": GOOD | {"predicateType": ""},
    "predicate_type_as_number": GOOD | {"predicateType": 1},
    "no_subject": GOOD | {"subject": []},
    "subject_as_object": GOOD | {"subject": SUBJECT},
    "subject_without_name": GOOD | {"subject": [{"digest": SUBJECT["digest"]}]},
    "subject_without_digest": GOOD | {"subject": [{"name": "m"}]},
    "subject_with_more": GOOD | {"subject": [SUBJECT | {"uri": "x"}]},
    "two_digests": GOOD | {"subject": [{"name": "m", "digest": {"sha256": DIGEST, "sha512": "00"}}]},
    "upper_case": GOOD | {"subject": [{"name": "m", "digest": {"sha256": DIGEST.upper()}}]},
    "short": GOOD | {"subject": [{"name": "m", "digest": {"sha256": DIGEST[1:]}}]},
    "line_break": GOOD | {"subject": [{"name": "m", "digest": {"sha256": DIGEST + "\n"}}]},
    "a_key_twice": json.dumps(GOOD).replace('"meaning":', '"meaning": "rejected", "meaning":').encode(),
    "not_finite": json.dumps(GOOD).replace("0.01", "1e999").encode(),
    "not_a_number": json.dumps(GOOD).replace("0.01", "NaN").encode(),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_what_is_no_statement_is_refused(defect: str) -> None:
    with pytest.raises(StatementInvalid) as refusal:
        read_statement(unsigned(DEFECTS[defect]))
    assert refusal.value.message.startswith("The statement ")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-(2.0**53), 2.0**53, exclude_min=True, exclude_max=True)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=10,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES))
def test_every_statement_comes_back_as_it_was(predicate: dict[str, Any]) -> None:
    statement = statement_about(DIGEST, "m", APPROVAL, predicate)
    again = read_statement(unsigned(statement.to_bytes()))
    assert again == statement
    assert again.to_bytes() == statement.to_bytes() == canonical_json(json.loads(statement.to_bytes()))


@settings(deadline=None)
@given(
    st.binary(max_size=200) | st.dictionaries(st.sampled_from([*GOOD, "more"]), VALUES).map(lambda more: GOOD | more)
)
def test_no_payload_ends_in_another_error(payload: Any) -> None:
    try:
        read_statement(unsigned(payload))
    except StatementInvalid:
        return


@pytest.mark.parametrize("kind", [PROVENANCE, TEST_RESULT, VERIFICATION_SUMMARY, APPROVAL])
def test_in_toto_attestation_validates_ours(kind: str) -> None:
    data = statement_about(DIGEST, "m", kind, PREDICATE).to_bytes()
    theirs = TheirStatement.copy_from_pb(json_format.Parse(data, TheirMessage()))
    theirs.validate()
    assert theirs.pb.predicate_type == kind
    assert theirs.pb.subject[0].digest["sha256"] == DIGEST


def test_we_read_what_in_toto_attestation_writes() -> None:
    message = json_format.Parse(statement_about(DIGEST, "m", APPROVAL, PREDICATE).to_bytes(), TheirMessage())
    read = read_statement(unsigned(json_format.MessageToJson(message).encode()))
    assert read.subjects == (Subject("m", DIGEST),)
    assert read.predicate == PREDICATE
