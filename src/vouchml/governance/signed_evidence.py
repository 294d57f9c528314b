"""The files of evidence about one model digest: their names, and the times in them.

They lie in the folder `evidence` among the artifacts of the version's run, never among the signed files themselves.
Whoever may write there can take evidence away, which denies; nobody can make any without a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from vouchml.errors import StatementInvalid, StatementMismatch
from vouchml.trust.model_signature import SIGNATURE_FILE
from vouchml.trust.statement import Statement
from vouchml.trust.trust_store import TrustedKey

#: The content of each file by its name.
EvidenceFiles = Mapping[str, bytes]

PROVENANCE_FILE: Final = "provenance.dsse.json"
EVALUATION_FILE: Final = "evaluation.dsse.json"
ML_BOM_FILE: Final = "ml_bom.dsse.json"
MODEL_CARD_FILE: Final = "model_card.dsse.json"
APPROVAL: Final = "approval"
DECISION: Final = "decision"
BREAK_GLASS: Final = "break-glass"

_DATED: Final = re.compile(r"(?P<kind>approval|decision|break-glass)-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}\.dsse\.json")
_UNDATED: Final = frozenset({SIGNATURE_FILE, PROVENANCE_FILE, EVALUATION_FILE, ML_BOM_FILE, MODEL_CARD_FILE})
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


def is_evidence_name(name: str) -> bool:
    """Whether a file of evidence can have this name."""
    return name in _UNDATED or _DATED.fullmatch(name) is not None


def dated_name(kind: str, at: datetime, key_id: str) -> str:
    """The name of a statement that there may be several of, such as an approval, signed at `at` by a key."""
    return f"{kind}-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{key_id[:8]}.dsse.json"


def dated_files(files: EvidenceFiles, kind: str) -> Iterator[tuple[str, bytes]]:
    """The statements of a kind, by name and content, the newest name first."""
    for name in sorted(files, reverse=True):
        if kind_of(name) == kind:
            yield name, files[name]


def kind_of(name: str) -> str | None:
    """The kind of statement that a dated file is, by its name; None where there is no date in it."""
    match = _DATED.fullmatch(name)
    return match["kind"] if match is not None else None


def require_own_name(name: str, kind: str, at: datetime, signers: Iterable[TrustedKey]) -> None:
    """Check that a dated file has the name that its signed time and one of its signers give it.

    Whoever writes to MLflow chooses names, and could put one statement there twice, or as a newer one.

    Raises:
        StatementInvalid: it has another one.
    """
    if name not in {dated_name(kind, at, signer.key_id) for signer in signers}:
        raise StatementInvalid(
            f"The file {name} has another name than its signed time and its signer give it.",
            remedy="Somebody renamed or copied it in MLflow. See who, and take it away.",
        )


def require_about(statement: Statement, model: str) -> None:
    """Check that a statement is about the registered model `model`, and not another one with the same files.

    Raises:
        StatementMismatch: it is about another.
    """
    require_model(model, *(subject.name for subject in statement.subjects))


def require_model(model: str, *names: str) -> None:
    """Check that each of the signed `names` is that of the registered model `model`.

    Raises:
        StatementMismatch: one is another.
    """
    if any(name != model for name in names):
        raise StatementMismatch(
            f"The statement is not about the registered model {model}.", remedy="It was signed for another one."
        )


def described(files: EvidenceFiles) -> list[dict[str, Any]]:
    """Files as in-toto ResourceDescriptors: what a statement says that it has seen."""
    return [{"uri": name, "digest": {"sha256": sha256(files[name]).hexdigest()}} for name in sorted(files)]


def moment_text(moment: datetime) -> str:
    """A time in a predicate: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime(_TIME)


def read_moment(predicate: Mapping[str, Any], name: str) -> datetime:
    """The time at `name`.

    Raises:
        StatementInvalid: there is none.
    """
    try:
        return datetime.strptime(predicate[name], _TIME).replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError):
        raise StatementInvalid(f"The statement has no time at {name}.") from None


def read_text(predicate: Mapping[str, Any], name: str) -> str:
    """The text at `name`, not empty.

    Raises:
        StatementInvalid: there is none.
    """
    value = predicate.get(name)
    if not isinstance(value, str) or not value.strip():
        raise StatementInvalid(f"The statement has no text at {name}.")
    return value


def read_part(predicate: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object at `name`.

    Raises:
        StatementInvalid: there is none.
    """
    value = predicate.get(name)
    if not isinstance(value, dict):
        raise StatementInvalid(f"The statement has no object at {name}.")
    return value
