"""How MLflow behaves inside our processes: quiet, patient for seconds rather than minutes, and not phoning home."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Final

MLFLOW_ENVIRONMENT: Final[Mapping[str, str]] = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # A connection that is kept would go on reading a database that was deleted and made anew.
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
    # Tells GitPython, which MLflow imports, not to complain where git is not installed.
    "GIT_PYTHON_REFRESH": "quiet",
}


def prepare_mlflow() -> None:
    """Set MLflow's environment where the user has not; call it before the first import of mlflow."""
    for name, value in MLFLOW_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Creating a database takes alembic some thirty lines at INFO, and stages are deprecated but what users have.
    for noisy in ("alembic", "mlflow.tracking._model_registry.fluent"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # It writes a stack trace about each error that it raises as well; `mlflow_errors` says it in one line.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
