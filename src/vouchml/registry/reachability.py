"""Whether MLflow's store can be reached: found out in seconds, without loading MLflow, which tries for minutes."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from vouchml.errors import RegistryUnreachable
from vouchml.registry.failures import one_line, without_credentials
from vouchml.registry.sqlite_database import require_sqlite_database
from vouchml.settings import sqlite_file

ANSWERS_WITHIN_SECONDS = 5.0
# Any MLflow server answers it quickly, or asks who wants to know.
_QUESTION = "api/2.0/mlflow/experiments/search?max_results=1"
_LOOK_ELSEWHERE = "Start it (`mlflow ui --port 5001`), or mend [project] tracking_uri or MLFLOW_TRACKING_URI."
# What each kind of database server calls the seconds that connecting may take.
_TIMEOUTS = {"postgresql": "connect_timeout", "mysql": "connect_timeout", "mssql": "timeout"}


def require_store(tracking_uri: str, *, create: bool) -> None:
    """Find out within seconds, without loading MLflow, whether the store can be reached.

    Raises:
        RegistryUnreachable: nothing answers there, or the database is not there (and `create` is false), cannot be
            opened or is not MLflow's.
        FolderNotWritable: with `create`, the database cannot be written.
    """
    scheme = urlsplit(tracking_uri).scheme
    if scheme in ("http", "https"):
        _require_server(without_credentials(tracking_uri))
    elif tracking_uri in ("sqlite:", "sqlite:/", "sqlite://"):
        raise RegistryUnreachable(f"{tracking_uri} names no file.", remedy="Write sqlite:///mlflow.db, for example.")
    elif database := sqlite_file(tracking_uri):
        require_sqlite_database(database, create=create)
    elif timeout := _TIMEOUTS.get(scheme.partition("+")[0]):
        _require_database_server(tracking_uri, timeout)


def _require_server(uri: str) -> None:
    """Ask once, and without credentials, what MLflow's client asks for minutes."""
    try:
        reply = httpx.get(
            f"{uri.rstrip('/')}/{_QUESTION}",
            timeout=ANSWERS_WITHIN_SECONDS,
            follow_redirects=True,
            verify=False,  # noqa: S501 - nothing secret is sent, and MLflow itself may be told of a certificate
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RegistryUnreachable(f"No MLflow server answers at {uri}.", remedy=_LOOK_ELSEWHERE) from error
    if reply.is_server_error:
        raise RegistryUnreachable(
            f"What answers at {uri} says HTTP {reply.status_code}.",
            remedy="Look into the MLflow server's log, or mend [project] tracking_uri or MLFLOW_TRACKING_URI.",
        )
    if reply.status_code == httpx.codes.NOT_FOUND or (reply.is_success and not _is_json(reply)):
        raise RegistryUnreachable(f"What answers at {uri} is not an MLflow server.", remedy=_LOOK_ELSEWHERE)


def _is_json(reply: httpx.Response) -> bool:
    try:
        return isinstance(reply.json(), dict)
    except ValueError:
        return False


def _require_database_server(uri: str, timeout: str) -> None:
    """Connect once: MLflow tries ten times, over minutes."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_engine(uri, connect_args={timeout: round(ANSWERS_WITHIN_SECONDS)}).connect():
            pass
    except ModuleNotFoundError as error:
        raise RegistryUnreachable(
            f"MLflow needs the package {error.name} to reach {without_credentials(uri)}.",
            remedy=f"pip install {error.name}",
        ) from error
    except SQLAlchemyError as error:
        raise RegistryUnreachable(
            f"No database answers at {without_credentials(uri)}: {one_line(error)}.",
            remedy="Start it, or mend [project] tracking_uri or MLFLOW_TRACKING_URI.",
        ) from error
