"""Turn what MLflow, and what lies below it, raises into our errors: one line, and what to do about it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from vouchml.errors import FolderNotWritable, RegistryUnreachable, VersionNotFound, VouchError
from vouchml.registry.environment import prepare_mlflow
from vouchml.registry.sqlite_database import FREE_SPACE, MAKE_WRITABLE, remedy_for

_NOT_WRITABLE: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_LET_IN: Final = (
    "The MLflow server wants to know who asks, or does not let you in.",
    "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.",
)
#: Words of MLflow's, what they mean, and what to do about it.
_KNOWN: Final = (
    (
        "MLFLOW_ALLOW_FILE_STORE",
        "MLflow 3 refuses a folder as its store.",
        "Move it into a database:\n"
        "  mlflow migrate-filestore --source ./mlruns --target sqlite:///mlflow.db\n"
        "or set MLFLOW_ALLOW_FILE_STORE=true to go on with the folder.",
    ),
    (
        "out-of-date database schema",
        "MLflow's database was made by another version of MLflow.",
        "Take a copy of it, then bring it up to date: mlflow db upgrade ADDRESS (that of [project] tracking_uri, such "
        "as sqlite:///mlflow.db).",
    ),
    (
        "unsupported URI",
        "MLflow keeps no registry at an address of this kind.",
        "Set [project] tracking_uri to sqlite:///mlflow.db, or to an MLflow server such as http://HOST:5000.",
    ),
    ("failed with error code 401", *_NOT_LET_IN),
    ("failed with error code 403", *_NOT_LET_IN),
)


@contextmanager
def mlflow_errors(what: str, *, not_found: str = "See what there is: vouch registry list") -> Iterator[None]:
    """Turn MLflow's exceptions, and those of what lies below it, into ours.

    `what` is what was asked for, and `not_found` what to do where MLflow does not have it.

    Raises:
        VersionNotFound: MLflow has no such thing.
        FolderNotWritable: the store may not be written, or its disk is full.
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
            raise VersionNotFound(f"MLflow does not have {what}.", remedy=not_found) from error
        raise _failed(error) from error
    except (RequestException, SQLAlchemyError, OSError) as error:
        raise _failed(error) from error


def without_credentials(uri: str) -> str:
    """The address, or a text that holds one, fit for the screen."""
    return re.sub(r"//[^/@]*@", "//", uri)


def one_line(error: Exception) -> str:
    """The first line of what a library says, without credentials, the class of a driver's error and a full stop.

    It names no path of an `OSError`: a service shows what is wrong with its registry to everybody.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # SQLAlchemy puts its SQL on the lines after the first, and at times a hint about itself before it.
    lines = [line for line in str(error).strip().splitlines() if not line.startswith("(raised as a result of ")]
    first = re.sub(r"^\([\w.]+\) ", "", (lines or [type(error).__name__])[0])
    return without_credentials(first)[:300].rstrip(". ")


def _failed(error: Exception) -> VouchError:
    """The error for what MLflow, or what lies below it, says; with the way out where it is known."""
    text = str(error)
    for words, message, remedy in _KNOWN:
        if words in text:
            return RegistryUnreachable(message, remedy=remedy)
    remedy = remedy_for(text)
    if isinstance(error, OSError) and error.errno in _NOT_WRITABLE:
        remedy = f"{remedy or MAKE_WRITABLE} It is {error.filename2 or error.filename}."
        return FolderNotWritable(f"MLflow's store cannot be written: {one_line(error)}.", remedy=remedy)
    if remedy in (MAKE_WRITABLE, FREE_SPACE):
        return FolderNotWritable(f"MLflow's store cannot be written: {one_line(error)}.", remedy=remedy)
    return RegistryUnreachable(f"MLflow failed: {one_line(error)}", remedy=remedy or "Run: vouch doctor")
