"""Everything that talks to MLflow's Model Registry: versions, the pointer, promotion, rollback and history."""

from vouchml.registry.environment import prepare_mlflow
from vouchml.registry.history import Promotion
from vouchml.registry.model_registry import ModelRegistry
from vouchml.registry.pointer import Pointer
from vouchml.registry.version import Version

__all__ = ["ModelRegistry", "Pointer", "Promotion", "Version", "prepare_mlflow"]
