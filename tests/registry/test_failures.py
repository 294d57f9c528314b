"""What MLflow raises becomes one line that everybody may read, and what to do about it."""

from __future__ import annotations

import errno

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from sqlalchemy.exc import OperationalError

from vouchml.errors import FolderNotWritable, RegistryUnreachable, VersionNotFound, VouchError
from vouchml.registry.failures import mlflow_errors

FLUSHED = "(raised as a result of Query-invoked autoflush; consider …)\n(sqlite3.OperationalError) {}\n[SQL: INSERT …]"


@pytest.mark.parametrize(
    ("error", "kind", "message", "remedy"),
    [
        (
            MlflowException(FLUSHED.format("database is locked")),
            RegistryUnreachable,
            "MLflow failed: database is locked",
            "Another program",
        ),
        (
            MlflowException(FLUSHED.format("attempt to write a readonly database")),
            FolderNotWritable,
            "MLflow's store cannot be written: attempt to write a readonly database.",
            "write permission",
        ),
        (
            OperationalError("INSERT", {}, Exception("database or disk is full")),
            FolderNotWritable,
            "MLflow's store cannot be written: database or disk is full.",
            "Free some space",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "/home/ada/a project/x"),
            FolderNotWritable,
            "MLflow's store cannot be written: No space left on device.",
            "Free some space there, and try again. It is /home/ada/a project/x.",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/home/ada/x"),
            FolderNotWritable,
            "MLflow's store cannot be written: Permission denied.",
            "write permission",
        ),
        (
            MlflowException("Detected out-of-date database schema (found version a, but expected b). Take …"),
            RegistryUnreachable,
            "MLflow's database was made by another version of MLflow.",
            "mlflow db upgrade",
        ),
        (
            MlflowException("API request to endpoint /api failed with error code 401 != 200. Response body: '…'"),
            RegistryUnreachable,
            "The MLflow server wants to know who asks, or does not let you in.",
            "MLFLOW_TRACKING_USERNAME",
        ),
        (
            MlflowException("cannot reach http://ada:secret@mlflow.example"),
            RegistryUnreachable,
            "MLflow failed: cannot reach http://mlflow.example",
            "vouch doctor",
        ),
        (MlflowException(""), RegistryUnreachable, "MLflow failed: MlflowException", "vouch doctor"),
    ],
)
def test_what_mlflow_says_becomes_one_line_and_a_remedy(
    error: Exception, kind: type[VouchError], message: str, remedy: str
) -> None:
    with pytest.raises(kind) as caught, mlflow_errors("a run"):
        raise error
    assert caught.value.message == message
    assert remedy in caught.value.remedy


def test_what_mlflow_does_not_have_comes_with_the_remedy_of_who_asked() -> None:
    error = MlflowException("no", error_code=RESOURCE_DOES_NOT_EXIST)
    with pytest.raises(VersionNotFound) as caught, mlflow_errors("a run 7", not_found="Train one."):
        raise error
    assert caught.value.diagnostics() == "MLflow does not have a run 7.\nTrain one."
