"""Reach MLflow, or say in one line why not."""

from __future__ import annotations

from typing import Any

from vouchml.errors import RegistryUnreachable
from vouchml.registry.environment import prepare_mlflow
from vouchml.registry.failures import mlflow_errors, without_credentials
from vouchml.registry.reachability import require_store
from vouchml.registry.sqlite_database import is_new, make_database
from vouchml.settings import sqlite_file, sqlite_uri


def connect_client(tracking_uri: str, *, create: bool) -> Any:
    """An `MlflowClient` for `tracking_uri`.

    Raises:
        RegistryUnreachable: nothing answers there, the database does not exist and `create` is false, or MLflow
            refuses that kind of store.
        FolderNotWritable: with `create`, the database cannot be written.
    """
    require_store(tracking_uri, create=create)
    prepare_mlflow()
    if create and (database := sqlite_file(tracking_uri)) and is_new(database):
        with mlflow_errors(f"a database {database}"):
            make_database(database, fill=lambda new: _client(sqlite_uri(new)))
    with mlflow_errors(without_credentials(tracking_uri)):
        return _client(tracking_uri)


def _client(tracking_uri: str) -> Any:
    from mlflow import MlflowClient

    try:
        return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
    except ImportError as error:
        raise RegistryUnreachable(
            f"MLflow needs the package {error.name} to reach {without_credentials(tracking_uri)}.",
            remedy=f"pip install {error.name}",
        ) from error
