from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer._crypto_signer import CryptoSigner
from securesystemslib.signer._key import SSlibKey
from tests.trust.signed_examples import LATER, NOW, signers, trusted

from vouchml.errors import (
    EnvelopeInvalid,
    EvidenceRefused,
    KeyExpired,
    KeyNotYetValid,
    KeyRevoked,
    KeyRoleWrong,
    KeyUnknown,
    SignatureInvalid,
    SignatureMissing,
)
from vouchml.trust.dsse import Envelope, Signature, pae, read_envelope, sign_payload
from vouchml.trust.public_key import Algorithm
from vouchml.trust.signing_key import SigningKey, create_signing_key
from vouchml.trust.trust_store import TrustStore

ED25519, P256 = create_signing_key("ed25519"), create_signing_key("p256")


def envelope_by(*keys: SigningKey, payload: bytes = b"hello world") -> Envelope:
    return sign_payload(payload, "http://example.com/HelloWorld", keys)


def test_the_encoding_is_that_of_the_specification() -> None:
    encoded = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pae("http://example.com/HelloWorld", b"hello world") == encoded
    assert pae("é", b"") == "DSSEv1 2 é 0 ".encode()


def test_the_signature_of_the_specification_is_verified() -> None:
    # protocol.md, "Test Vectors": P-256 with SHA-256, raw r and s, which we take as DER.
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    from vouchml.trust.public_key import public_key_of

    numbers = EllipticCurvePublicNumbers(
        46950820868899156662930047687818585632848591499744589407958293238635476079160,
        5640078356564379163099075877009565129882514886557779369047442380624545832820,
        SECP256R1(),
    )
    raw = base64.b64decode("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==")
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public_key_of(numbers.public_key()).verify(der, pae("http://example.com/HelloWorld", b"hello world"))


def test_an_envelope_comes_back_from_its_bytes_with_the_payload_that_was_signed() -> None:
    envelope = envelope_by(ED25519, P256, payload=b'{ "not": "canonical" }\n')
    assert read_envelope(envelope.to_bytes()) == envelope
    keys = (ED25519.public, P256.public)
    assert read_envelope(envelope.to_bytes()).verify_by(keys, threshold=2) == keys


def test_base64_of_either_alphabet_and_unknown_fields_are_read_as_dsse_demands() -> None:
    envelope = envelope_by(ED25519, payload=b"\xfb\xff\xfe")
    document = envelope.to_document() | {"more": 1, "payload": base64.urlsafe_b64encode(b"\xfb\xff\xfe").decode()}
    assert document["payload"] == "-__-"
    assert read_envelope(json.dumps(document).encode()) == envelope


def test_a_key_that_signs_again_has_one_signature() -> None:
    envelope = envelope_by(P256).with_signature(P256)
    assert len(envelope.signatures) == 1
    envelope.verify_by([P256.public])


def test_those_who_signed_for_a_role_are_named_once_each() -> None:
    known, other = signers(), create_signing_key("ed25519")
    second = trusted(other, "approver", "second")
    store = TrustStore(key=(*known.store.key, second))
    envelope = envelope_by(known.keys["approver"], other, known.keys["gate"])
    doubled = Envelope(envelope.payload, envelope.payload_type, envelope.signatures * 2)
    assert [key.name for key in doubled.verify(store, role="approver", at=NOW, threshold=2)] == ["approver", "second"]
    with pytest.raises(KeyRoleWrong):
        doubled.verify(store, role="approver", at=NOW, threshold=3)


def test_one_key_that_signs_twice_is_not_two() -> None:
    known = signers("p256")
    key = known.keys["approver"]
    twice = [envelope_by(key).signatures[0] for _ in range(2)]
    assert twice[0] != twice[1]
    envelope = Envelope(b"hello world", "http://example.com/HelloWorld", tuple(twice))
    with pytest.raises(SignatureMissing, match="1 signatures that count, and 2 are needed"):
        envelope.verify(known.store, role="approver", at=NOW, threshold=2)
    with pytest.raises(SignatureMissing):
        envelope.verify_by([key.public, key.public], threshold=2)


def test_a_signature_that_does_not_name_its_key_is_tried_with_all_known_ones() -> None:
    known = signers()
    value = envelope_by(known.keys["gate"]).signatures[0].value
    envelope = Envelope(b"hello world", "http://example.com/HelloWorld", (Signature("", value),))
    assert envelope.verify(known.store, role="gate", at=NOW)[0].name == "gate"
    with pytest.raises(KeyRoleWrong):
        envelope.verify(known.store, role="approver", at=NOW)
    assert envelope.verify_by([ED25519.public, known.keys["gate"].public]) == (known.keys["gate"].public,)
    with pytest.raises(SignatureInvalid):
        Envelope(b"Hello world", envelope.payload_type, envelope.signatures).verify(known.store, role="gate", at=NOW)


def test_each_reason_why_a_key_does_not_count_is_told() -> None:
    known = signers()
    key = known.keys["gate"]
    envelope = envelope_by(key)

    def store(**changes: object) -> TrustStore:
        return TrustStore(key=(trusted(key, "gate", "gate", **changes),))

    refused: list[tuple[type[EvidenceRefused], TrustStore, Any]] = [
        (KeyUnknown, TrustStore(), NOW),
        (KeyRoleWrong, store(role="trainer"), NOW),
        (KeyNotYetValid, store(valid_from=LATER), NOW),
        (KeyExpired, store(), LATER),
        (KeyRevoked, store(revoked=LATER), NOW),
    ]
    for kind, trust, at in refused:
        with pytest.raises(kind):
            envelope.verify(trust, role="gate", at=at)
    assert len(envelope.verify(store(), role="gate", at=NOW)) == 1


def test_a_payload_a_type_or_a_signature_that_changed_is_refused() -> None:
    known = signers()
    envelope = envelope_by(known.keys["gate"])
    (signature,) = envelope.signatures
    changed = [
        Envelope(b"hello World", envelope.payload_type, envelope.signatures),
        Envelope(envelope.payload, "text/plain", envelope.signatures),
        # The same bytes after the PAE's first number, were lengths not signed.
        Envelope(b"11 hello world", "http://example.com/HelloWorld", envelope.signatures),
        Envelope(envelope.payload, envelope.payload_type, (Signature(signature.key_id, b"\0" * 64),)),
        Envelope(envelope.payload, envelope.payload_type, envelope_by(ED25519).signatures),
    ]
    for envelope in changed[:4]:
        with pytest.raises(SignatureInvalid):
            envelope.verify(known.store, role="gate", at=NOW)
        with pytest.raises(SignatureInvalid):
            envelope.verify_by([known.keys["gate"].public])
    for attempt in (
        lambda: changed[4].verify(known.store, role="gate", at=NOW),
        lambda: changed[4].verify_by([known.keys["gate"].public]),
    ):
        with pytest.raises(KeyUnknown):
            attempt()


@pytest.mark.parametrize("threshold", [0, -1])
def test_no_threshold_lets_anything_pass(threshold: int) -> None:
    with pytest.raises(ValueError, match="below 1"):
        envelope_by(ED25519).verify(TrustStore(), role="gate", at=NOW, threshold=threshold)
    with pytest.raises(ValueError, match="below 1"):
        envelope_by(ED25519).verify_by([], threshold=threshold)


def test_an_envelope_without_signatures_is_verified_by_nobody() -> None:
    for attempt in (
        lambda: Envelope(b"", "a", ()).verify(signers().store, role="gate", at=NOW),
        lambda: Envelope(b"", "a", ()).verify_by([ED25519.public]),
    ):
        with pytest.raises(SignatureMissing):
            attempt()


GOOD = envelope_by(ED25519).to_document()
DEFECTS: dict[str, Any] = {
    "empty": b"",
    "a_list": [],
    "a_text": "x",
    "no_payload": {name: value for name, value in GOOD.items() if name != "payload"},
    "payload_of_bytes": GOOD | {"payload": 3},
    "payload_not_base64": GOOD | {"payload": "a b"},
    "payload_cut": GOOD | {"payload": "abc"},
    "payload_not_ascii": GOOD | {"payload": "é"},
    "no_type": GOOD | {"payloadType": ""},
    "type_of_numbers": GOOD | {"payloadType": 3},
    "no_signatures": GOOD | {"signatures": []},
    "signatures_as_object": GOOD | {"signatures": {"0": {}}},
    "signature_as_text": GOOD | {"signatures": ["x"]},
    "signature_without_value": GOOD | {"signatures": [{"keyid": "x"}]},
    "signature_with_a_number_as_keyid": GOOD | {"signatures": [{"keyid": 3, "sig": ""}]},
    "too_many_signatures": GOOD | {"signatures": GOOD["signatures"] * 65},
    "a_key_twice": json.dumps(GOOD).replace('"payload":', '"payload": "", "payload":').encode(),
    "not_a_number": b'{"a": NaN}',
    "not_finite": b'{"a": 1e999}',
    "half_a_pair": json.dumps(GOOD).replace("HelloWorld", "\\ud800").encode(),
    "too_deep": b'{"a":' * 100_000,
    "not_utf8": b"\xff",
    "digits_without_end": b'{"a":' + b"9" * 10_000 + b"}",
    "too_long": b" " * (16 * 1024 * 1024 + 1),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_what_is_no_envelope_is_refused(defect: str) -> None:
    data = DEFECTS[defect]
    with pytest.raises(EnvelopeInvalid) as refusal:
        read_envelope(data if isinstance(data, bytes) else json.dumps(data).encode())
    assert refusal.value.message.startswith("The envelope ")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*GOOD, "keyid", "sig"]), inner),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_end_in_another_error(data: bytes) -> None:
    try:
        envelope = read_envelope(data)
    except EnvelopeInvalid:
        return
    with pytest.raises(EvidenceRefused):
        envelope.verify_by([ED25519.public])


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(list(GOOD)), JSON))
def test_no_wrong_field_ends_in_another_error(changes: dict[str, Any]) -> None:
    try:
        envelope = read_envelope(json.dumps(GOOD | changes).encode())
    except EnvelopeInvalid:
        return
    if envelope == read_envelope(json.dumps(GOOD).encode()):
        return
    with pytest.raises(EvidenceRefused):
        envelope.verify_by([ED25519.public])


ALGORITHMS: list[Algorithm] = ["ed25519", "p256"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_securesystemslib_verifies_ours_and_refuses_it_changed(algorithm: Algorithm) -> None:
    key = create_signing_key(algorithm)
    theirs = SSlibKey.from_crypto(key.private.public_key(), keyid=key.public.key_id)
    envelope = envelope_by(ED25519, key)
    accepted = TheirEnvelope.from_dict(json.loads(envelope.to_bytes())).verify([theirs], threshold=1)
    assert list(accepted) == [key.public.key_id]
    forged = Envelope(b"hello World", envelope.payload_type, envelope.signatures)
    with pytest.raises(VerificationError):
        TheirEnvelope.from_dict(json.loads(forged.to_bytes())).verify([theirs], threshold=1)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_we_verify_what_securesystemslib_signs(algorithm: Algorithm) -> None:
    key = create_signing_key(algorithm)
    theirs = TheirEnvelope(b"hello world", "http://example.com/HelloWorld", {})
    public = SSlibKey.from_crypto(key.private.public_key(), keyid=key.public.key_id)
    theirs.sign(CryptoSigner(key.private, public))
    ours = read_envelope(json.dumps(theirs.to_dict()).encode())
    assert ours.verify_by([key.public]) == (key.public,)
