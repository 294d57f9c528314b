"""Register the model of a run that was trained with `--no-register`."""

from __future__ import annotations

import re

from vouchml.errors import PromotionRefused, VersionNotFound
from vouchml.registry import ModelRegistry, Version
from vouchml.registry.failures import mlflow_errors
from vouchml.settings import Settings

_VERSION_TAGS = ("data_sha256", "vouch.training_sha256")
_RUN_ID = re.compile(r"[A-Za-z0-9][\w-]{0,255}", re.ASCII)
_TRAIN_ONE = "Train one: vouch train --no-register"


def register_run(settings: Settings, run_id: str) -> Version:
    """Add the model that the run logged as the next version, with the tags that `vouch train` gives it.

    Raises:
        VersionNotFound: there is no such run, or it cannot be the id of one.
        PromotionRefused: the run did not finish, or logged no model.
        RegistryUnreachable: MLflow cannot be reached.
    """
    if not _RUN_ID.fullmatch(run_id):
        raise VersionNotFound(f"{run_id!r} is not the id of a run.", remedy=_TRAIN_ONE)
    registry = ModelRegistry.connect(settings.tracking_uri)
    with mlflow_errors(f"a run {run_id}", not_found=_TRAIN_ONE):
        run = registry.client.get_run(run_id)
    outputs = run.outputs.model_outputs if run.outputs else []
    if run.info.status != "FINISHED" or not outputs:
        why = f"is {run.info.status.lower()}" if run.info.status != "FINISHED" else "logged no model"
        raise PromotionRefused(f"Run {run_id} {why}, so there is nothing to register.", remedy=_TRAIN_ONE)
    tags = {name: run.data.tags[name] for name in _VERSION_TAGS if name in run.data.tags}
    source = f"models:/{outputs[-1].model_id}"
    return registry.register(settings.project.registered_model, source=source, run_id=run_id, tags=tags)
