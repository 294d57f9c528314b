"""The parameters that the addresses of traces and receipts take, and the answers that they have in common."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Path, Query, Request

from vouchml.errors import QueryInvalid, ScopeMissing
from vouchml.serving.schemas import ErrorReply

LONGEST_ID: Final = 256
_MOST_ROWS: Final = 10

RecordId = Annotated[
    str,
    Path(description="The request_id or the prediction_id of an answer.", json_schema_extra={"maxLength": LONGEST_ID}),
]
RowText = Annotated[
    str | None,
    Query(
        alias="row",
        description="The row of a request of many, from 0.",
        json_schema_extra={"pattern": "^[0-9]{1,9}$"},
    ),
]
PayloadText = Annotated[
    str,
    Query(
        alias="payload",
        description="`true`: with the inputs and the answer, which are personal data; needs the scope `operate`.",
        json_schema_extra={"enum": ["true", "false"]},
    ),
]

REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorReply, "description": "A parameter is not one of the values that it takes."},
    404: {"model": ErrorReply, "description": "The ledger has no prediction with this id."},
    503: {"model": ErrorReply, "description": "There is no ledger, or it cannot be read now; or the service is busy."},
}


def row_of(text: str | None) -> int | None:
    """The row that a caller named.

    Raises:
        QueryInvalid: it is no number.
    """
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < _MOST_ROWS):
        raise QueryInvalid("row is not a whole number from 0 on.", remedy="Leave it out, or write ?row=0")
    return int(text)


def wants_payload(request: Request, text: str) -> bool:
    """Whether a caller asks for the payload, and may have it.

    Raises:
        QueryInvalid: it is neither `true` nor `false`.
        ScopeMissing: the caller may not operate.
    """
    if text not in ("true", "false"):
        raise QueryInvalid("payload is neither true nor false.", remedy="Leave it out, or write ?payload=true")
    if text == "true" and "operate" not in request.scope["vouch_call"].scopes:
        raise ScopeMissing(
            "Inputs and answers are shown to callers with the scope 'operate' only.",
            scope="operate",
            remedy="Use a key that has it: vouch keys api create --name NAME --scope operate",
        )
    return text == "true"
