from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vouchml.errors import CheckpointInvalid
from vouchml.ledger.checkpoint import Checkpoint, SignerKey, VerifierKey, read_note, sign, sign_note, verify_note
from vouchml.ledger.tree import EMPTY_ROOT, CompactRange, leaf_hash

# The test vectors of golang.org/x/mod/sumdb/note (note_test.go).
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
# The example of C2SP tlog-checkpoint.
SOFA = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+"
    "zyWE+xeMcTOAYQ8=\n"
)

HEAD = CompactRange().extend([leaf_hash(b"%d" % number) for number in range(5)])[0]
SIGNER = SignerKey.generate("example.com/ledger")
CHECKPOINT = Checkpoint.of(SIGNER.name, HEAD, time=datetime(2026, 11, 24, 22, 4, 10, 7, UTC))
NOTE = sign(CHECKPOINT, SIGNER)


def test_the_published_signer_key_makes_the_published_note() -> None:
    assert sign_note(TEXT, SignerKey.parse(PETER_SECRET)) == f"{TEXT}\n{PETER_LINE}"


def test_published_keys_are_read_and_written_as_they_are() -> None:
    assert [str(VerifierKey.parse(text)) for text in (PETER, ENOCH)] == [PETER, ENOCH]
    signer = SignerKey.parse(PETER_SECRET)
    assert (signer.secret_text(), str(signer.verifier)) == (PETER_SECRET, PETER)


def test_the_secret_does_not_show_in_what_is_printed_of_a_signer() -> None:
    assert "AYEK" not in repr(SignerKey.parse(PETER_SECRET))


@pytest.mark.parametrize("text", [PETER, PETER_SECRET])
def test_no_mangling_of_a_key_is_taken(text: str) -> None:
    parse = SignerKey.parse if text == PETER_SECRET else VerifierKey.parse
    parts = {text[i:j] for i in range(len(text)) for j in range(i + 1, len(text) + 1)} - {text}
    changed = {text[:i] + chr(ord(text[i]) + 1) + text[i + 1 :] for i in range(len(text))}
    for other in parts | changed:
        with pytest.raises(CheckpointInvalid):
            parse(other)


@pytest.mark.parametrize(
    "text",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # too long, with its hash
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # another algorithm, with its hash
    ],
)
def test_published_keys_of_another_kind_are_refused(text: str) -> None:
    with pytest.raises(CheckpointInvalid):
        VerifierKey.parse(text)


def test_signatures_of_known_keys_are_checked_and_others_count_for_nothing() -> None:
    peter, enoch = VerifierKey.parse(PETER), VerifierKey.parse(ENOCH)
    note = read_note(f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}")
    assert note.text == TEXT
    assert note.signed_by(peter) == (peter,)
    assert note.signed_by(peter, enoch) == (peter, enoch)
    assert note.signed_by() == ()
    assert read_note(f"{TEXT}\n{PETER_LINE}{PETER_LINE}").signed_by(peter) == (peter,)


def test_one_bad_signature_of_a_known_key_spoils_the_note() -> None:
    bad = PETER_LINE[:60] + "ABCD" + PETER_LINE[60:]
    note = read_note(f"{TEXT}\n{bad}{ENOCH_LINE}")
    with pytest.raises(CheckpointInvalid, match="PeterNeumann"):
        note.signed_by(VerifierKey.parse(PETER), VerifierKey.parse(ENOCH))
    assert len(note.signed_by(VerifierKey.parse(ENOCH))) == 1


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}\n{PETER_LINE[:-1]}",
        f"\x01{TEXT}\n{PETER_LINE}",
        f"\udcff{TEXT}\n{PETER_LINE}",
        f"{TEXT}\n{PETER_LINE.replace('PeterNeumann', 'Bad Name')}",
        f"{TEXT}\n{PETER_LINE}Unexpected line.\n",
        f"{TEXT}\n{PETER_LINE * 101}",
        f"{TEXT}\n{PETER_LINE.replace('JnAM=', 'JnAN=')}",  # the same bytes, written in another way
        f"{TEXT}\n— PeterNeumann x08gow==\n",
    ],
)
def test_what_is_not_a_note_is_refused(text: str) -> None:
    with pytest.raises(CheckpointInvalid):
        read_note(text)


def test_the_published_example_of_a_checkpoint_is_read_and_written_as_it_is() -> None:
    note = read_note(SOFA)
    checkpoint = Checkpoint.parse(note.text)
    assert (checkpoint.origin, checkpoint.size, checkpoint.time) == ("example.com/behind-the-sofa", 20_852_163, None)
    assert checkpoint.body() == note.text


def test_a_checkpoint_says_origin_size_root_and_time() -> None:
    lines = CHECKPOINT.body().splitlines()
    assert lines[:2] == ["example.com/ledger", "5"]
    assert lines[3:] == ["time 2026-11-24T22:04:10.000007Z"]
    assert CHECKPOINT.time == "2026-11-24T22:04:10.000007Z"


def test_a_signed_checkpoint_verifies_with_its_key_and_no_other() -> None:
    assert verify_note(NOTE, SIGNER.verifier) == CHECKPOINT
    assert verify_note(NOTE, VerifierKey.parse(ENOCH), SIGNER.verifier) == CHECKPOINT
    for others in ([], [VerifierKey.parse(PETER)], [SignerKey.generate(SIGNER.name).verifier]):
        with pytest.raises(CheckpointInvalid):
            verify_note(NOTE, *others)


def test_a_checkpoint_of_another_ledger_is_refused_though_the_key_signed_it() -> None:
    other = Checkpoint("example.com/other", 0, EMPTY_ROOT)
    with pytest.raises(CheckpointInvalid, match="name"):
        sign(other, SIGNER)
    with pytest.raises(CheckpointInvalid, match="another ledger"):
        verify_note(sign_note(other.body(), SIGNER), SIGNER.verifier)


def test_no_single_changed_character_of_a_checkpoint_verifies() -> None:
    for place, character in enumerate(NOTE):
        for other in {chr(ord(character) ^ 1), chr(ord(character) ^ 32), "\n", " ", "A", "="} - {character}:
            with pytest.raises(CheckpointInvalid):
                verify_note(NOTE[:place] + other + NOTE[place + 1 :], SIGNER.verifier)


@pytest.mark.parametrize(
    "body",
    [
        "o\n5\n",
        "o\n05\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "o\n-5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "o\n٣\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "o\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
        "o\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n",
        "o\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\nx\n",
        "\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
    ],
)
def test_what_is_not_the_text_of_a_checkpoint_is_refused(body: str) -> None:
    with pytest.raises(CheckpointInvalid):
        Checkpoint.parse(body)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb", "a\udc80"])
def test_a_key_has_no_name_that_a_note_cannot_carry(name: str) -> None:
    with pytest.raises(CheckpointInvalid):
        SignerKey.generate(name)


pieces = st.sampled_from([TEXT, "\n", PETER_LINE, ENOCH_LINE, "— ", NOTE, "+", PETER, PETER_SECRET, "=", "\n\n", "0"])


@given(st.text() | st.lists(pieces | st.text(max_size=4)).map("".join) | st.text(st.characters()))
@example("\ud800")
@example("PRIVATE+KEY+" + PETER)
def test_no_text_raises_anything_but_that_it_is_invalid(text: str) -> None:
    for read in (
        read_note,
        Checkpoint.parse,
        VerifierKey.parse,
        SignerKey.parse,
        lambda note: verify_note(note, SIGNER.verifier, VerifierKey.parse(PETER)),
    ):
        with suppress(CheckpointInvalid):
            read(text)


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Z"], exclude_characters="+"), min_size=1)


@given(names, st.integers(0, 10**19 - 1), st.binary(min_size=32, max_size=32))
def test_whatever_is_signed_verifies(name: str, size: int, root: bytes) -> None:
    signer = SignerKey.generate(name)
    checkpoint = Checkpoint(name, size, root, ("anything at all",))
    assert verify_note(sign(checkpoint, signer), signer.verifier) == checkpoint
    assert VerifierKey.parse(str(signer.verifier)) == signer.verifier
