"""`GET /health`, `/health/live` and `/health/ready`."""

from __future__ import annotations

from fastapi import APIRouter

from vouchml.errors import LedgerUnavailable, ServiceBusy
from vouchml.serving.draining import Draining
from vouchml.serving.following.follower import Follower
from vouchml.serving.logs import utc_text
from vouchml.serving.schemas import ErrorReply, Health, LedgerHealth, Probe
from vouchml.serving.worker_ledger import NO_LEDGER, WorkerLedger


def health_routes(follower: Follower, ledger: WorkerLedger | None, draining: Draining) -> APIRouter:
    """Routes for people and for orchestrators."""
    routes = APIRouter(tags=["health"])

    @routes.get("/health", summary="How the service is")
    async def health() -> Health:
        """Always 200: `degraded` with the reasons, or `ok`."""
        served, status = follower.served, follower.status
        reasons = (*follower.reasons(), *_problems(ledger))
        return Health(
            status="degraded" if reasons else "ok",
            model_loaded=served is not None,
            model_name=follower.model_name,
            model_stage=follower.stage,
            model_version=served.version if served else None,
            reasons=list(reasons),
            warnings=[*follower.standing_warnings, *status.warnings, *(ledger.warnings() if ledger else (NO_LEDGER,))],
            settings_changed=follower.settings_changed,
            ledger=_ledger_health(ledger),
            last_poll_at=utc_text(status.last_poll_at) if status.last_poll_at else None,
            registry_reachable=status.registry_reachable,
        )

    @routes.get("/health/live", summary="Whether the process answers")
    async def live() -> Probe:
        """200 as long as the process answers."""
        return Probe(status="live")

    @routes.get(
        "/health/ready",
        summary="Whether predictions are answered",
        responses={503: {"model": ErrorReply, "description": "No model or no ledger, or the worker is about to end."}},
    )
    async def ready() -> Probe:
        """200 once a model is loaded and the ledger can be written; 503 before, and when the worker is about to end."""
        if draining.begun:
            raise ServiceBusy("This worker is about to end.", remedy="Ask again; another one answers.")
        follower.serving_model()
        if ledger is not None and ledger.refuses:
            raise LedgerUnavailable(ledger.state.problem, remedy="Ask again soon.")
        return Probe(status="ready")

    return routes


def _problems(ledger: WorkerLedger | None) -> tuple[str, ...]:
    return (ledger.state.problem,) if ledger is not None and ledger.state.problem else ()


def _ledger_health(ledger: WorkerLedger | None) -> LedgerHealth:
    if ledger is None:
        return LedgerHealth(state="off", records=None)
    return LedgerHealth(state="unavailable" if ledger.state.problem else "ok", records=ledger.state.size)
