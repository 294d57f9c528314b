"""`vouch trace`: from an answer back to the data, link by link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouchml.cli.options import Config, Json, project_settings
from vouchml.cli.screen import note, print_json, show

if TYPE_CHECKING:
    from rich.tree import Tree

    from vouchml.ledger.trace import Trace
    from vouchml.ledger.trace_link import TraceLink
    from vouchml.settings import Settings

Id = Annotated[str, typer.Argument(metavar="ID", help="The request_id or the prediction_id of an answer.")]
Row = Annotated[
    int | None, typer.Option("--row", metavar="NUMBER", help="The row of a request of many, from 0.", min=0)
]

_PARTS = {
    "record": "The record",
    "log": "The log that it is in",
    "model": "The version that answered",
    "origin": "Where that version comes from",
}


def trace(ctx: typer.Context, name: Id, row: Row = None, as_json: Json = False, config: Config = None) -> None:
    """Draw the chain from an answer back to its data.

    Each link is marked verified, failed or not checked, with the reason. The inputs are shown: whoever runs this may
    read the ledger. Exits with 0, or with 1 when a link failed.
    """
    settings = project_settings(ctx, config)
    from vouchml.ledger.search import MOST_REQUESTS
    from vouchml.project.open_ledger import reading
    from vouchml.project.tracing import trace as trace_id

    with reading(settings) as store:
        traces, found = trace_id(settings, store, name, row=row)
    if as_json:
        print_json([_document(settings, traced) for traced in traces])
    else:
        for traced in traces:
            show(_tree(settings, traced))
    if found > len(traces):
        of = f"{found} or more" if found >= MOST_REQUESTS else f"{found}"
        note(f"The first {len(traces)} of {of} predictions of this id; see one by: vouch trace {name} --row NUMBER")
    if any(traced.outcome == "failed" for traced in traces):
        raise typer.Exit(1)


def _tree(settings: Settings, traced: Trace) -> Tree:
    from rich.tree import Tree

    root = Tree(f"Request {traced.leaf['request_id']}, prediction {traced.leaf['prediction_id']}")
    for part, title in _PARTS.items():
        branch = root.add(title)
        for link in traced.links:
            if link.part != part:
                continue
            twig = branch.add(f"{_mark(link)}  {link.name}: {link.reason}")
            for fact, value in link.facts.items():
                if value is not None:
                    twig.add(f"{fact.replace('_', ' ')}: {value}")
            if link.name == "payload" and traced.payload is not None:
                for fact, value in _payload(settings, traced).items():
                    twig.add(f"{fact.replace('_', ' ')}: {value}")
    return root


def _mark(link: TraceLink) -> str:
    return f"[{link.status.value}]"


def _document(settings: Settings, traced: Trace) -> dict[str, Any]:
    return {
        "request_id": traced.leaf["request_id"],
        "prediction_id": traced.leaf["prediction_id"],
        "index": traced.index,
        "outcome": traced.outcome,
        "payload": _payload(settings, traced) if traced.payload is not None else None,
        "links": [
            {
                "part": link.part,
                "name": link.name,
                "status": link.status.value,
                "reason": link.reason,
                "facts": dict(link.facts),
            }
            for link in traced.links
        ],
    }


def _payload(settings: Settings, traced: Trace) -> dict[str, Any]:
    """What the payload says, with the names of the features where the version is here."""
    from vouchml.errors import VouchError
    from vouchml.ledger.payload import read_payload
    from vouchml.project.recorded_versions import RecordedVersions

    assert traced.payload is not None  # noqa: S101 - looked at before
    payload = read_payload(traced.payload)
    try:
        features = RecordedVersions(settings).bundle(traced.leaf["served"]).contract.features
    except VouchError:
        features = None
    return {
        "label": payload.label,
        "prediction": payload.prediction,
        "probability": payload.probability,
        "threshold": payload.threshold,
        "caller": payload.caller,
        "door": payload.door,
        "role": payload.role,
        "out_of_range": list(payload.out_of_range),
        "inputs": payload.named(features),
    }
