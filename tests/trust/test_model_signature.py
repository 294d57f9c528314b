from __future__ import annotations

import base64
import inspect
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.trust.signed_examples import LATER, NOW, Signers, signers, trusted

from vouchml.canonical_json import canonical_json
from vouchml.errors import (
    EnvelopeInvalid,
    EvidenceRefused,
    FileAdded,
    FileChanged,
    FileMissing,
    FileNotPlain,
    FileRenamed,
    KeyExpired,
    KeyNotYetValid,
    KeyRevoked,
    KeyRoleWrong,
    KeyUnknown,
    SignatureInvalid,
    StatementInvalid,
)
from vouchml.model import model_digest
from vouchml.trust.model_signature import (
    SignedModel,
    read_model_signature,
    sign_model,
    verify_model,
    verify_model_by,
)
from vouchml.trust.public_key import Algorithm
from vouchml.trust.signing_key import SigningKey, create_signing_key
from vouchml.trust.statement import MODEL_SIGNATURE, sign_statement, statement_about
from vouchml.trust.trust_store import TrustStore

KNOWN: Signers = signers("p256")
TRAINER = KNOWN.keys["trainer"]

FILES = {
    "MLmodel": b"flavors: {}\n",
    "contract.json": b"{}",
    "model.onnx": b"\x08\x0a" * 1000,
    "a/b/deep": b"deep",
    "a.b": b"sorts after a/b by bytes, before it by parts",
    "empty": b"",
    ".hidden": b"not forgotten",
    "größe 1.txt": "größe".encode(),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def verified(folder: Path, data: bytes, store: TrustStore = KNOWN.store) -> SignedModel:
    return verify_model(folder, read_model_signature(data), store, at=NOW)[0]


@pytest.mark.parametrize("algorithm", ["ed25519", "p256"])
def test_a_signed_model_is_verified_and_named_by_the_model_digest(folder: Path, algorithm: Algorithm) -> None:
    known = signers(algorithm)
    data = sign_model(folder, known.keys["trainer"], name="m")
    model, signer = verify_model(folder, read_model_signature(data), known.store, at=NOW)
    assert (model.name, model.digest, signer.name) == ("m", model_digest(folder), "trainer")
    assert {file.path for file in model.files} == set(FILES)
    assert verify_model_by(folder, read_model_signature(data), signer.public_key) == model


def test_the_signature_is_the_same_bytes_for_the_same_files_but_for_the_signature_itself(folder: Path) -> None:
    key = create_signing_key("ed25519")
    assert sign_model(folder, key, name="m") == sign_model(folder, key, name="m")


def test_a_key_that_does_not_count_is_refused_before_any_file_is_read(folder: Path) -> None:
    data = sign_model(folder, TRAINER, name="m")
    (folder / "model.onnx").unlink()

    def store(**changes: object) -> TrustStore:
        return TrustStore(key=(trusted(TRAINER, "trainer", "trainer", **changes),))

    refused: list[tuple[type[EvidenceRefused], TrustStore]] = [
        (KeyUnknown, TrustStore()),
        (KeyRoleWrong, store(role="gate")),
        (KeyNotYetValid, store(valid_from=LATER)),
        (KeyExpired, store(valid_to=NOW)),
        (KeyRevoked, store(revoked=LATER)),
    ]
    for kind, trust in refused:
        with pytest.raises(kind):
            verified(folder, data, trust)
    with pytest.raises(FileMissing):
        verified(folder, data)


def change_a_byte(folder: Path) -> None:
    path = folder / "model.onnx"
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)


def swap_two(folder: Path) -> None:
    (folder / "MLmodel").rename(folder / "kept")
    (folder / "contract.json").rename(folder / "MLmodel")
    (folder / "kept").rename(folder / "contract.json")


def put_a_link(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.write_bytes((folder / "model.onnx").read_bytes())
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to(outside)


def put_a_folder_link(folder: Path) -> None:
    (folder / "a").rename(folder.parent / "a")
    (folder / "a").symlink_to(folder.parent / "a")


def put_a_socket(folder: Path) -> None:
    before = Path.cwd()
    os.chdir(folder)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("socket")
    finally:
        os.chdir(before)


ATTACKS: dict[str, tuple[type[EvidenceRefused], str, Callable[[Path], object]]] = {
    "one_bit_changed": (FileChanged, "model.onnx", change_a_byte),
    "emptied": (FileChanged, "MLmodel", lambda folder: (folder / "MLmodel").write_bytes(b"")),
    "two_swapped": (FileChanged, "MLmodel, contract.json", swap_two),
    "added": (FileAdded, "model.pkl", lambda folder: (folder / "model.pkl").write_bytes(b"x")),
    "added_signature": (FileAdded, "model.sig", lambda folder: (folder / "model.sig").write_bytes(b"x")),
    "added_hidden": (FileAdded, "a/.x", lambda folder: (folder / "a" / ".x").write_bytes(b"x")),
    "added_git": (FileAdded, ".gitattributes", lambda folder: (folder / ".gitattributes").write_bytes(b"x")),
    "missing": (FileMissing, "empty", lambda folder: (folder / "empty").unlink()),
    "missing_folder": (FileMissing, "a/b/deep", lambda folder: shutil.rmtree(folder / "a")),
    # The model digest stays the same in this one: it does not bind names.
    "renamed_in_order": (
        FileRenamed,
        "model.onnx",
        lambda folder: (folder / "model.onnx").rename(folder / "model.onny"),
    ),
    "renamed": (FileRenamed, "a.b", lambda folder: (folder / "a.b").rename(folder / "z")),
    "link": (FileNotPlain, "model.onnx", put_a_link),
    "link_to_a_folder": (FileNotPlain, "holds a,", put_a_folder_link),
    "dangling_link": (FileNotPlain, "x", lambda folder: (folder / "x").symlink_to("nowhere")),
    "pipe": (FileNotPlain, "pipe", lambda folder: os.mkfifo(folder / "pipe")),
    "socket": (FileNotPlain, "socket", put_a_socket),
    "name_not_utf8": (FileNotPlain, "udcff", lambda folder: (folder / os.fsdecode(b"\xff")).touch()),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_files_that_are_not_what_was_signed_are_refused_with_their_reason(folder: Path, attack: str) -> None:
    kind, named, change = ATTACKS[attack]
    data = sign_model(folder, TRAINER, name="m")
    change(folder)
    attempts: list[Callable[[], object]] = [
        lambda: verified(folder, data),
        lambda: verify_model_by(folder, read_model_signature(data), TRAINER.public),
    ]
    for attempt in attempts:
        with pytest.raises(kind) as refusal:
            attempt()
        assert type(refusal.value) is kind
        assert named in refusal.value.message
        assert str(folder) not in refusal.value.diagnostics()


def test_a_file_below_more_folders_than_calls_can_nest_is_found(folder: Path) -> None:
    data = sign_model(folder, TRAINER, name="m")
    deep = folder.joinpath(*["d"] * 300)
    deep.mkdir(parents=True)
    (deep / "x").touch()
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 200)
    try:
        with pytest.raises(FileAdded, match="d/d/d"):
            verified(folder, data)
    finally:
        sys.setrecursionlimit(before)


def test_a_renamed_file_is_refused_although_the_model_digest_is_the_same(folder: Path) -> None:
    data, before = sign_model(folder, TRAINER, name="m"), model_digest(folder)
    (folder / "model.onnx").rename(folder / "model.onny")
    assert model_digest(folder) == before
    with pytest.raises(FileRenamed):
        verified(folder, data)


def test_the_codes_of_the_reasons_differ() -> None:
    kinds = {kind for kind, _, _ in ATTACKS.values()}
    assert len({kind.code for kind in kinds}) == len(kinds) == 5


def test_a_folder_that_is_empty_missing_or_holds_a_link_is_not_signed(folder: Path) -> None:
    (folder.parent / "empty").mkdir()
    for place in ("empty", "missing"):
        with pytest.raises(FileMissing):
            sign_model(folder.parent / place, TRAINER, name="m")
    put_a_link(folder)
    with pytest.raises(FileNotPlain):
        sign_model(folder, TRAINER, name="m")


def test_many_changed_files_are_told_in_one_line(folder: Path) -> None:
    data = sign_model(folder, TRAINER, name="m")
    for number in range(5):
        (folder / f"x\n{number}").touch()
    with pytest.raises(FileAdded, match=r"signed: 'x\\n0', 'x\\n1', 'x\\n2' and 2 more\."):
        verified(folder, data)


def payload_of(data: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(base64.b64decode(json.loads(data)["dsseEnvelope"]["payload"]))
    return document


def signed_again(data: bytes, predicate: Any, *, key: SigningKey = TRAINER, digest: str | None = None) -> bytes:
    """The bundle `data` with another predicate, rightly signed: as a trainer's own broken tool would write it."""
    document, payload = json.loads(data), payload_of(data)
    digest = digest or payload["subject"][0]["digest"]["sha256"]
    document["dsseEnvelope"] = sign_statement(
        statement_about(digest, "m", MODEL_SIGNATURE, predicate), [key]
    ).to_document()
    return canonical_json(document)


def first_path(path: str) -> Callable[[dict[str, Any]], Any]:
    return lambda p: p | {"resources": [p["resources"][0] | {"name": path}, *p["resources"][1:]]}


LISTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "links_allowed": lambda p: p | {"serialization": p["serialization"] | {"allow_symlinks": True}},
    "links_by_number": lambda p: p | {"serialization": p["serialization"] | {"allow_symlinks": 0}},
    "shards": lambda p: p | {"serialization": p["serialization"] | {"method": "shards"}},
    "blake2": lambda p: p | {"serialization": p["serialization"] | {"hash_type": "blake2"}},
    "unknown_option": lambda p: p | {"serialization": p["serialization"] | {"skip": ["*.pkl"]}},
    "no_serialization": lambda p: {"resources": p["resources"]},
    "no_resources": lambda p: p | {"resources": []},
    "more": lambda p: p | {"more": 1},
    "out_of_order": lambda p: p | {"resources": p["resources"][::-1]},
    "one_twice": lambda p: p | {"resources": [p["resources"][0], *p["resources"]]},
    "upper_case": lambda p: p | {"resources": [r | {"digest": r["digest"].upper()} for r in p["resources"]]},
    "other_algorithm": lambda p: p | {"resources": [r | {"algorithm": "blake2b"} for r in p["resources"]]},
    **{
        f"path_{number}": first_path(path)
        for number, path in enumerate(["", ".", "..", "../x", ".a/../b", "/etc/passwd", "./.a", ".a//b", ".a/"])
    },
}


@pytest.mark.parametrize("defect", LISTS)
def test_a_list_of_files_that_can_be_read_in_two_ways_is_refused_although_it_is_signed(
    folder: Path, defect: str
) -> None:
    data = sign_model(folder, TRAINER, name="m")
    changed = LISTS[defect](payload_of(data)["predicate"])
    digests = b"".join(bytes.fromhex(resource["digest"]) for resource in changed["resources"])
    with pytest.raises(StatementInvalid, match="The signed list of files "):
        verified(folder, signed_again(data, changed, digest=sha256(digests).hexdigest()))
    verified(folder, signed_again(data, payload_of(data)["predicate"]))


def test_paths_to_ignore_excuse_no_file(folder: Path) -> None:
    data = sign_model(folder, TRAINER, name="m")
    predicate = payload_of(data)["predicate"]
    predicate["serialization"]["ignore_paths"] = ["model.pkl", "."]
    (folder / "model.pkl").touch()
    with pytest.raises(FileAdded, match=r"model\.pkl"):
        verified(folder, signed_again(data, predicate))


def test_a_root_that_the_files_do_not_give_is_refused(folder: Path) -> None:
    data = sign_model(folder, TRAINER, name="m")
    with pytest.raises(StatementInvalid, match="another model digest than its files give"):
        verified(folder, signed_again(data, payload_of(data)["predicate"], digest="0" * 64))


def test_a_statement_of_another_kind_is_no_signature_of_a_model(folder: Path) -> None:
    document = json.loads(sign_model(folder, TRAINER, name="m"))
    predicate = payload_of(canonical_json(document))["predicate"]
    envelope = sign_statement(statement_about(model_digest(folder), "m", "https://example.org/x", predicate), [TRAINER])
    document["dsseEnvelope"] = envelope.to_document()
    with pytest.raises(StatementInvalid, match="is not of the kind"):
        verified(folder, canonical_json(document))


def test_a_changed_list_is_refused_as_a_changed_signature(folder: Path) -> None:
    document = json.loads(sign_model(folder, TRAINER, name="m"))
    payload = base64.b64decode(document["dsseEnvelope"]["payload"]).replace(b"model.onnx", b"model.onny")
    document["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    with pytest.raises(SignatureInvalid):
        verified(folder, canonical_json(document))


def test_a_hint_to_another_key_is_refused(folder: Path) -> None:
    document = json.loads(sign_model(folder, TRAINER, name="m"))
    document["verificationMaterial"]["publicKey"]["hint"] = "0" * 64
    with pytest.raises(EnvelopeInvalid, match="names another key"):
        verified(folder, canonical_json(document))


def bundle(**changes: Any) -> bytes:
    envelope = sign_statement(statement_about("0" * 64, "m", MODEL_SIGNATURE, {}), [TRAINER]).to_document()
    good = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": ""}, "tlogEntries": []},
        "dsseEnvelope": envelope,
    }
    return json.dumps(good | changes).encode()


ENVELOPE = json.loads(bundle())["dsseEnvelope"]
NO_BUNDLES: dict[str, bytes] = {
    "empty": b"",
    "another_media_type": bundle(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.1"),
    "a_certificate": bundle(verificationMaterial={"certificate": {"rawBytes": ""}}),
    "no_material": bundle(verificationMaterial=None),
    "a_number_as_hint": bundle(verificationMaterial={"publicKey": {"hint": 3}}),
    "no_envelope": bundle(dsseEnvelope=None),
    "a_message_signature": bundle(dsseEnvelope={"messageDigest": {}}),
    "two_signatures": bundle(dsseEnvelope=ENVELOPE | {"signatures": ENVELOPE["signatures"] * 2}),
}


@pytest.mark.parametrize("defect", NO_BUNDLES)
def test_what_is_no_bundle_with_one_signature_by_a_key_is_refused(defect: str) -> None:
    with pytest.raises(EnvelopeInvalid, match="The signature of the model "):
        read_model_signature(NO_BUNDLES[defect])
    read_model_signature(bundle())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["publicKey", "hint", "payload"]), inner)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    st.binary(max_size=200)
    | st.dictionaries(st.sampled_from(list(json.loads(bundle()))), JSON).map(lambda c: bundle(**c))
)
def test_no_bytes_end_in_another_error(data: bytes) -> None:
    try:
        read_model_signature(data)
    except EnvelopeInvalid:
        return


PREDICATES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8) | st.sampled_from(["files", "sha256", "0" * 64, False]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["serialization", "resources", "name", "algorithm", "digest", "method", "allow_symlinks"]),
            inner,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["serialization", "resources", "more"]), PREDICATES))
def test_no_signed_predicate_ends_in_another_error_or_is_taken_for_files(predicate: dict[str, Any]) -> None:
    data = signed_again(bundle(), predicate)
    with pytest.raises(StatementInvalid):
        verify_model_by(Path("/nonexistent"), read_model_signature(data), TRAINER.public)
