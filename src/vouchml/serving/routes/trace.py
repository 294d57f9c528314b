"""`GET /trace/{request_id}`: from an answer back to its data, as far as the ledger proves it."""

from __future__ import annotations

from fastapi import APIRouter, Request

from vouchml.ledger.payload import read_payload
from vouchml.ledger.trace import Trace
from vouchml.serving.ledger_reading import LedgerReading
from vouchml.serving.routes.ledger_query import REFUSALS, PayloadText, RecordId, RowText, row_of, wants_payload
from vouchml.serving.schemas import TracedPayload, TracedPrediction, TraceLinkReply, TraceReply


def trace_routes(reading: LedgerReading) -> APIRouter:
    """The route of traces."""
    routes = APIRouter(tags=["ledger"])

    @routes.get("/trace/{request_id}", summary="The chain behind an answer", responses=REFUSALS)
    async def trace(
        request: Request, request_id: RecordId, row: RowText = None, payload: PayloadText = "false"
    ) -> TraceReply:
        """Ids, digests and links, each verified, failed or not checked, with the reason; inputs only if asked."""
        shown = wants_payload(request, payload)
        traces, found = await reading.traces(request_id, row=row_of(row))
        return TraceReply(found=found, predictions=[_reply(each, shown=shown) for each in traces])

    return routes


def _reply(traced: Trace, *, shown: bool) -> TracedPrediction:
    return TracedPrediction(
        index=traced.index,
        request_id=traced.leaf["request_id"],
        prediction_id=traced.leaf["prediction_id"],
        row=traced.leaf.get("row"),
        outcome=traced.outcome,
        links=[
            TraceLinkReply(
                part=link.part,
                name=link.name,
                status=link.status.value,
                reason=link.reason,
                facts=dict(link.facts),
            )
            for link in traced.links
        ],
        payload=_payload(traced.payload) if shown and traced.payload is not None else None,
    )


def _payload(text: str) -> TracedPayload:
    payload = read_payload(text)
    return TracedPayload(
        caller=payload.caller,
        door=payload.door,
        role=payload.role,
        inputs=payload.numbers(),
        out_of_range=list(payload.out_of_range),
        probability=payload.probability,
        threshold=payload.threshold,
        prediction=payload.prediction,
        label=payload.label,
    )
