"""Checks of the project: its table, its MLflow store, its ports, its folder and the version in the stage."""

from __future__ import annotations

import errno
import os
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vouchml.errors import VersionNotFound, VouchError
from vouchml.project.answering import answer_at, service_at
from vouchml.project.doctor.finding import Finding, ok, problem, warning
from vouchml.project.ports import API_PORT, MLFLOW_PORT, port_problem
from vouchml.project.up import is_server, without_credentials
from vouchml.settings import Settings, sqlite_file
from vouchml.trust.api_keys_file import api_keys_path, read_api_keys

if TYPE_CHECKING:
    from vouchml.data import Table

# SQLite reads every page to say whether a database is whole: of a larger one that would take too long.
LARGE_DATABASE = 256 * 1024**2


def table(settings: Settings) -> Finding:
    """Whether the table can be trained on."""
    try:
        from vouchml.data import read_table

        read = read_table(settings.data_path, settings.data)
    except VouchError as error:
        return problem("Table", error.message, error.remedy)
    except ModuleNotFoundError as error:
        return warning("Table", f"not read: {error.name} is not installed", "pip install 'vouchml[train]'")
    return ok(
        "Table",
        f"{read.file}: {len(read.values)} rows, {len(read.names)} features{_declared(read)}, "
        f"SHA-256 {read.bytes_sha256[:12]}…",
    )


def _declared(read: Table) -> str:
    """What is said about features that are not plain numbers."""
    counts = [(len(read.categories), "categorical"), (len(read.nullable), "nullable")]
    told = ", ".join(f"{count} {what}" for count, what in counts if count)
    return f" ({told})" if told else ""


def store(settings: Settings) -> Finding:
    """Whether MLflow's store answers, and is whole where it is a file."""
    check = "MLflow store"
    path = sqlite_file(settings.tracking_uri)
    try:
        from vouchml.registry import ModelRegistry
        from vouchml.registry.reachability import require_store
        from vouchml.registry.sqlite_database import damage, is_new

        require_store(settings.tracking_uri, create=True)
        if path is not None and is_new(path):
            return ok(check, f"{path} will be made by the first training")
        ModelRegistry.connect(settings.tracking_uri)
        found = damage(path) if path is not None and path.stat().st_size < LARGE_DATABASE else ""
    except VouchError as error:
        return problem(check, error.message, error.remedy)
    except ModuleNotFoundError as error:
        return problem(check, f"{error.name} is not installed", "pip install 'vouchml[serve]'")
    if found:
        return problem(check, f"{path} is damaged: {found}", "Put a copy of it back, or move it away and train anew.")
    return ok(check, without_credentials(settings.tracking_uri))


def places(settings: Settings) -> Finding:
    """Whether there is room, and permission, for what a training writes."""
    check = "Room for runs"
    try:
        from vouchml.training.places import require_writable

        require_writable(settings)
    except VouchError as error:
        return problem(check, error.message, error.remedy)
    except ModuleNotFoundError as error:
        return warning(check, f"not looked at: {error.name} is not installed", "pip install 'vouchml[train]'")
    return ok(check, "a training can write its run and its temporary files")


def staged_version(settings: Settings) -> Finding:
    """Whether a version is in the stage that is served."""
    name, stage = settings.project.registered_model, settings.project.stage
    check = f"Version in {stage}"
    try:
        from vouchml.registry import ModelRegistry
        from vouchml.registry.sqlite_database import is_new

        if (path := sqlite_file(settings.tracking_uri)) is not None and is_new(path):
            return warning(check, "none yet", "vouch up")
        pointer = ModelRegistry.connect(settings.tracking_uri).pointer(name, stage)
    except VersionNotFound:
        return warning(check, f"there is no registered model {name} yet", "vouch up")
    except (VouchError, ModuleNotFoundError) as error:
        why = error.message if isinstance(error, VouchError) else f"{error.name} is not installed"
        return problem(check, f"not known: {why}", "Mend the MLflow store first.")
    if pointer.version is None:
        return warning(check, f"no version of {name}", "vouch promote VERSION --why TEXT")
    if pointer.warnings:
        fix = "See which of them vouch did not move: vouch audit. Then: vouch promote VERSION --why TEXT"
        return warning(check, " ".join(pointer.warnings), fix)
    return ok(check, f"version {pointer.version} of {name}")


def ports(settings: Settings) -> list[Finding]:
    """Whether the ports are free, or ours already."""
    serving = settings.serving
    ours, whose = _is_api(settings)
    findings = [_port(settings, "Port of the API", serving.port, API_PORT, ours, whose=whose)]
    if not is_server(settings.tracking_uri):
        findings.append(
            _port(settings, "Port of MLflow's pages", serving.mlflow_port, MLFLOW_PORT, _is_mlflow(settings))
        )
    return findings


def api_keys(settings: Settings) -> Finding:
    """Whether the service asks for API keys, and whether one is in force."""
    path = api_keys_path(settings.private_folder)
    try:
        keys = read_api_keys(path)
    except VouchError as error:
        return problem("API keys", error.message, error.remedy)
    if not keys:
        return ok("API keys", "none: the service answers this machine only")
    good = sum(key.state(datetime.now(UTC)) == "active" for key in keys)
    if good:
        return ok("API keys", f"{good} of {len(keys)} in force; every call needs one")
    return warning(
        "API keys",
        f"none of {len(keys)} is in force, and every call needs one",
        f"vouch keys api create --name NAME --scope predict; or, to need none again, remove {path}",
    )


def private_folder(settings: Settings) -> Finding:
    """Whether `.vouch` is kept from others, and the project's folder can be written."""
    folder = settings.private_folder
    if not folder.exists():
        if os.access(settings.root, os.W_OK):
            return ok("Private folder", f"{folder} will be made")
        return problem("Private folder", f"{settings.root} cannot be written", "Give yourself write permission.")
    if not os.access(folder, os.W_OK):
        return problem("Private folder", f"{folder} cannot be written", "Give yourself write permission.")
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return warning("Private folder", f"others may enter {folder} (mode {mode:o})", f"chmod 700 '{folder}'")
    return ok("Private folder", f"{folder} is yours only")


def _port(settings: Settings, check: str, port: int, setting: str, ours: str, *, whose: str = "") -> Finding:
    found = port_problem(settings.serving.host, port)
    place = f"{port} on {settings.serving.host}"
    if found is None:
        return ok(check, f"{place} is free")
    if ours:
        return ok(check, f"{place}: {ours}")
    if found == errno.EADDRINUSE:
        variable = f"VOUCH_SERVING__{setting.rpartition(' ')[2].upper()}"
        found_there = f"{place} is in use by another program{whose}"
        return problem(check, found_there, f"Stop it, or change {setting} or {variable}.")
    if found in (errno.EACCES, errno.EPERM):
        return problem(check, f"{place} is not open to this user", f"Choose a port from 1024 on: {setting}.")
    return problem(check, f"{settings.serving.host} is not an address of this machine", "Mend [serving] host.")


def _is_api(settings: Settings) -> tuple[str, str]:
    """What is said of a service of this project's model at the port of the API, or else of one of another's."""
    found = service_at(settings.api_url)
    if found is None:
        return "", ""
    if found.model != settings.project.registered_model:
        return "", f": the vouchml service of {found.model}"
    served = f"version {found.version}" if found.version else "no version yet"
    return f"a vouchml service answers there, for {found.model}, {served}", ""


def _is_mlflow(settings: Settings) -> str:
    reply = answer_at(f"{settings.mlflow_url}/version")
    text = reply.text.strip() if reply is not None and reply.is_success else ""
    return f"MLflow {text} answers there" if text[:1].isdigit() and len(text) < 20 else ""
