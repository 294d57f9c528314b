"""Register the model of a run that was trained with `--no-register`."""

from __future__ import annotations

from vouchml.errors import PromotionRefused
from vouchml.registry import ModelRegistry, Version
from vouchml.registry.connection import mlflow_errors
from vouchml.settings import Settings

_VERSION_TAGS = ("data_sha256", "vouch.training_sha256")


def register_run(settings: Settings, run_id: str) -> Version:
    """Add the model that the run logged as the next version, with the tags that `vouch train` gives it.

    Raises:
        VersionNotFound: there is no such run.
        PromotionRefused: the run did not finish, or logged no model.
        RegistryUnreachable: MLflow cannot be reached.
    """
    registry = ModelRegistry.connect(settings.tracking_uri)
    with mlflow_errors(f"a run {run_id}"):
        run = registry.client.get_run(run_id)
    outputs = run.outputs.model_outputs if run.outputs else []
    if run.info.status != "FINISHED" or not outputs:
        why = f"is {run.info.status.lower()}" if run.info.status != "FINISHED" else "logged no model"
        raise PromotionRefused(
            f"Run {run_id} {why}, so there is nothing to register.", remedy="Train one: vouch train --no-register"
        )
    tags = {name: run.data.tags[name] for name in _VERSION_TAGS if name in run.data.tags}
    source = f"models:/{outputs[-1].model_id}"
    return registry.register(settings.project.registered_model, source=source, run_id=run_id, tags=tags)
