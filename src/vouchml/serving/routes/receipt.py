"""`GET /receipt/{request_id}`: a proof of an answer that anybody can check offline."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from vouchml.serving.ledger_reading import LedgerReading
from vouchml.serving.request_bodies import JSON
from vouchml.serving.routes.ledger_query import REFUSALS, PayloadText, RecordId, RowText, row_of, wants_payload
from vouchml.serving.schemas import ErrorReply, ReceiptReply


def receipt_routes(reading: LedgerReading) -> APIRouter:
    """The route of receipts."""
    routes = APIRouter(tags=["ledger"])

    @routes.get(
        "/receipt/{request_id}",
        summary="The receipt of an answer",
        response_model=ReceiptReply,
        responses={
            **REFUSALS,
            409: {
                "model": ErrorReply,
                "description": "No checkpoint covers it yet, or several predictions have this id.",
                "headers": {
                    "Retry-After": {
                        "schema": {"type": "string"},
                        "description": "Where a checkpoint is awaited: the seconds after which to ask again.",
                    }
                },
            },
        },
    )
    async def receipt(
        request: Request, request_id: RecordId, row: RowText = None, payload: PayloadText = "false"
    ) -> Response:
        """The record, its proof and a signed checkpoint; the payload with its salt only if asked."""
        with_payload = wants_payload(request, payload)
        text = await reading.receipt(request_id, row=row_of(row), with_payload=with_payload)
        return Response(text, media_type=JSON)

    return routes
