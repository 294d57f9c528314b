"""Reach MLflow, or say in one line why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from vouchml.errors import RegistryUnreachable, VersionNotFound
from vouchml.registry.environment import prepare_mlflow
from vouchml.settings import sqlite_file

ANSWERS_WITHIN_SECONDS = 5.0


def connect_client(tracking_uri: str, *, create: bool) -> Any:
    """An `MlflowClient` for `tracking_uri`.

    Raises:
        RegistryUnreachable: nothing answers there, the database does not exist and `create` is false, or MLflow
            refuses that kind of store.
    """
    scheme = urlsplit(tracking_uri).scheme
    if scheme in ("http", "https"):
        _require_answer(tracking_uri)
    if database := sqlite_file(tracking_uri):
        _require_database(database, create=create)
    prepare_mlflow()
    from mlflow import MlflowClient

    try:
        with mlflow_errors(_without_credentials(tracking_uri)):
            return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
    except ImportError as error:
        raise RegistryUnreachable(
            f"MLflow needs the package {error.name} to reach a {scheme} store.", remedy=f"pip install {error.name}"
        ) from error


@contextmanager
def mlflow_errors(what: str) -> Iterator[None]:
    """Turn MLflow's exceptions, and those of what lies below it, into ours; `what` is what was asked for.

    Raises:
        VersionNotFound: MLflow has no such thing.
        RegistryUnreachable: any other failure of MLflow.
    """
    prepare_mlflow()
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise VersionNotFound(
                f"MLflow does not have {what}.", remedy="See what there is: vouch registry list"
            ) from error
        if "MLFLOW_ALLOW_FILE_STORE" in str(error):
            raise RegistryUnreachable(
                "MLflow 3 refuses a folder as its store.",
                remedy="Move it into a database:\n"
                "  mlflow migrate-filestore --source ./mlruns --target sqlite:///mlflow.db\n"
                "or set MLFLOW_ALLOW_FILE_STORE=true to go on with the folder.",
            ) from error
        raise RegistryUnreachable(f"MLflow failed: {_one_line(error)}", remedy="Run: vouch doctor") from error
    except (RequestException, SQLAlchemyError, OSError) as error:
        raise RegistryUnreachable(f"MLflow's store failed: {_one_line(error)}", remedy="Run: vouch doctor") from error


def _require_answer(uri: str) -> None:
    try:
        httpx.get(f"{uri.rstrip('/')}/health", timeout=ANSWERS_WITHIN_SECONDS, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RegistryUnreachable(
            f"No MLflow server answers at {_without_credentials(uri)}.",
            remedy="Start it (`mlflow ui --port 5001`), or mend [project] tracking_uri or MLFLOW_TRACKING_URI.",
        ) from error


def _require_database(path: Path, *, create: bool) -> None:
    if not path.exists() and not create:
        raise RegistryUnreachable(f"There is no {path.name} yet.", remedy="Train a first version: vouch train")


def _without_credentials(uri: str) -> str:
    return re.sub(r"//[^/@]*@", "//", uri)


def _one_line(error: Exception) -> str:
    """The first line of what a library says, without credentials; SQLAlchemy puts its SQL on the next ones."""
    return _without_credentials(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)[
        :300
    ]
