"""The app: routes, doors, layers and the follower, put together for one project.

```python
app = create_app(load_settings())  # then: uvicorn api.main:app
```
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from multiprocessing import parent_process
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from uvicorn.config import STARTUP_FAILURE

from vouchml import __version__
from vouchml.errors import VouchError
from vouchml.serving.access import address_rule
from vouchml.serving.data_plane import DataPlane
from vouchml.serving.doors.base import Door
from vouchml.serving.doors.mlflow_scoring import MlflowScoringDoor
from vouchml.serving.doors.open_inference import OpenInferenceDoor
from vouchml.serving.doors.predict import PredictBatchDoor, PredictDoor
from vouchml.serving.draining import Draining
from vouchml.serving.error_handlers import install_error_handlers
from vouchml.serving.exchange import Exchange
from vouchml.serving.following.follower import Follower
from vouchml.serving.held_bytes import HeldBytes
from vouchml.serving.held_signals import let_through
from vouchml.serving.ids import NewIds
from vouchml.serving.layers.security_headers import HEADERS, SecurityHeaders
from vouchml.serving.ledger_reading import LedgerReading
from vouchml.serving.lifespan import Lifespan
from vouchml.serving.metrics import WorkerMetrics
from vouchml.serving.open_files import allow_many_connections
from vouchml.serving.openapi import install_openapi
from vouchml.serving.request_log import RequestLog
from vouchml.serving.routes.health import health_routes
from vouchml.serving.routes.metrics import metrics_routes
from vouchml.serving.routes.mlflow_scoring import mlflow_scoring_routes
from vouchml.serving.routes.model_info import model_info_routes
from vouchml.serving.routes.open_inference import open_inference_routes
from vouchml.serving.routes.predict import predict_routes
from vouchml.serving.routes.receipt import receipt_routes
from vouchml.serving.routes.trace import trace_routes
from vouchml.serving.routes.webhooks import webhook_routes
from vouchml.serving.row_budget import RowBudget
from vouchml.serving.schemas import ErrorReply
from vouchml.serving.service import Rules, Service
from vouchml.serving.settings_file import SettingsFile
from vouchml.serving.shadow import Shadow
from vouchml.serving.stalled_connections import StalledConnections
from vouchml.serving.tracing import recording_of, traced
from vouchml.serving.worker_ledger import worker_ledger, worker_name
from vouchml.settings import Settings, load_settings, settings_path
from vouchml.trust.access import Access
from vouchml.trust.api_keys_file import ApiKeysFile, api_keys_path

if TYPE_CHECKING:
    from vouchml.serving.spans import TracedService

DESCRIPTION: Final = (
    "Answers predictions with the version that the MLflow registry points at. Input that the model's contract does "
    "not allow is refused with a list of what is wrong; nothing is coerced, defaulted or dropped."
)


def create_app(settings: Settings, settings_file: SettingsFile | None = None) -> Service:
    """The service of one project. It listens at once and loads a model as soon as the registry has one.

    With `settings_file`, where the settings are from, `/health` says when that was changed.

    Raises:
        AnonymousRefused: `[serving] host` can be reached by others, and there are no API keys.
        ApiKeysUnreadable: the file of the API keys is broken.
        DependencyMissing: `[serving] tracing` is on, and the extra `otel` is not installed.
    """
    serving = settings.serving
    keys = ApiKeysFile(api_keys_path(settings.private_folder))
    rule = address_rule(settings)
    access = Access(keys, rule.anonymous)
    metrics = WorkerMetrics.of(settings)
    log = RequestLog(predictions=serving.log_predictions)
    worker = worker_name()
    ledger = worker_ledger(settings, metrics, worker=worker)
    follower = Follower(
        settings,
        settings_file=settings_file,
        on_reload=metrics.reload,
        on_lineup=lambda lineup: metrics.describe(lineup.by_role()),
        on_loaded=ledger.loaded if ledger else lambda *_: None,
        on_refused=ledger.refused_version if ledger else lambda *_: None,
    )
    shadow = Shadow(metrics)
    budget = RowBudget(serving.max_rows_in_flight)
    plane = DataPlane(follower, serving, metrics, shadow, budget)
    new_id = NewIds()
    held = HeldBytes(serving.max_bytes_in_flight)
    exchange = Exchange(
        metrics, log, ledger, lambda: follower.flags, budget, held=held, body_seconds=serving.body_seconds
    )
    keeps_ledger = ledger is not None
    recording = recording_of(serving)(metrics, log, new_id, worker=worker, keeps_ledger=keeps_ledger)
    one, many = PredictDoor(plane, recording, serving), PredictBatchDoor(plane, recording, serving)
    mlflow_scoring = MlflowScoringDoor(plane, recording, serving)

    def open_inference(model: str, version: str | None) -> OpenInferenceDoor:
        return OpenInferenceDoor(plane, recording, serving, model=model, version=version)

    doors: Mapping[str, Door] = {
        "/predict": one,
        "/predict/batch": many,
        "/invocations": mlflow_scoring,
        f"/v2/models/{follower.model_name}/infer": open_inference(follower.model_name, None),
    }

    reading = LedgerReading(settings, follower)
    draining = Draining(serving.drain_seconds, metrics)
    lifespan = Lifespan(
        draining=draining,
        stalled=StalledConnections(serving.body_seconds),
        metrics=metrics,
        log=log,
        ledger=ledger,
        follower=follower,
        shadow=shadow,
    )
    app: FastAPI = FastAPIOffline(
        title=settings.project.name,
        description=DESCRIPTION,
        version=__version__,
        lifespan=lifespan,
        redirect_slashes=False,
        responses={500: {"model": ErrorReply, "description": "The service failed; its log says why."}},
        redoc_url=None,  # its bundle asks the network for a logo
    )
    app.include_router(health_routes(follower, ledger, draining))
    app.include_router(model_info_routes(follower))
    app.include_router(predict_routes(one, many, exchange))
    app.include_router(mlflow_scoring_routes(mlflow_scoring, exchange, follower, draining))
    app.include_router(open_inference_routes(open_inference, exchange, follower, draining))
    app.include_router(webhook_routes(follower, serving))
    app.include_router(metrics_routes(metrics))
    app.include_router(trace_routes(reading))
    app.include_router(receipt_routes(reading))
    install_error_handlers(app, follower, checkpoint_seconds=settings.ledger.checkpoint_seconds, count=metrics.refusal)
    install_openapi(app, follower, access, serving)
    return Service(
        SecurityHeaders(app),
        documented=app,
        follower=follower,
        doors=doors,
        exchange=exchange,
        new_id=new_id,
        draining=draining,
        rules=Rules(
            access=access,
            allow_anonymous=serving.allow_anonymous,
            max_in_flight=serving.max_in_flight,
            headers=tuple(HEADERS),
        ),
    )


def app_of_environment() -> Service | TracedService:
    """The service of the project that `VOUCH_CONFIG` names, for uvicorn and its workers.

    A project that cannot be served ends the process, with what to do about it on standard error.
    """
    allow_many_connections()
    if parent_process() is not None:
        let_through(signal.SIGINT)  # which uvicorn's server, that loads this app, answers from before
    try:
        file = SettingsFile(settings_path())  # before it is read
        settings = load_settings(file.path)
        return traced(create_app(settings, file), settings)
    except VouchError as error:
        sys.stderr.write(f"{error.diagnostics()}\n")
        # From this status the one that started the workers knows that another would fare no better.
        sys.exit(error.exit_status if parent_process() is None else STARTUP_FAILURE)
