"""Whether a port can be listened on, asked before anything is started."""

from __future__ import annotations

import errno
import socket

from vouchml.errors import PortTaken, SettingsInvalid
from vouchml.project.answering import service_at
from vouchml.project.serving_here import ServingHere, serving_here
from vouchml.settings import Settings

API_PORT = "[serving] port"
MLFLOW_PORT = "[serving] mlflow_port"


def require_free_ports(settings: Settings, *, mlflow: bool) -> None:
    """Check the port of the API, and with `mlflow` that of MLflow's pages; and that nobody serves the project there.

    Raises:
        PortTaken: another process listens on one, or is about to; or this user may not.
        SettingsInvalid: both ports are the same, or the host is not an address of this machine.
    """
    serving = settings.serving
    if mlflow and serving.port == serving.mlflow_port:
        raise SettingsInvalid(
            f"{API_PORT} and {MLFLOW_PORT} are both {serving.port}.", remedy="Give them different numbers."
        )
    if (here := _serving_at(settings, serving.port)) is not None:
        raise _served_already(here)
    require_free_port(settings, serving.port, setting=API_PORT)
    if mlflow:
        require_free_port(settings, serving.mlflow_port, setting=MLFLOW_PORT)


def require_free_port(settings: Settings, port: int, *, setting: str) -> None:
    """Check that this process could listen on `port` of [serving] host; `setting` is where the number comes from.

    Raises:
        PortTaken: another process listens there, or this user may not.
        SettingsInvalid: the host is not an address of this machine.
    """
    host = settings.serving.host
    problem = port_problem(host, port)
    if problem is None:
        return
    if problem == errno.EADDRINUSE:
        raise _in_use(settings, port, setting)
    if problem in (errno.EACCES, errno.EPERM):
        raise PortTaken(f"Port {port} on {host} is not open to this user.", remedy=f"Choose {_another(setting)}")
    raise SettingsInvalid(
        f"[serving] host {host} is not an address of this machine.", remedy="127.0.0.1 is; 0.0.0.0 is all of them."
    )


def port_problem(host: str, port: int) -> int | None:
    """The number of the error that listening gives; None when it works."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            # What servers do: a port whose last connections are still closing is free.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1)
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    except OSError as error:
        return error.errno or errno.EADDRNOTAVAIL
    return None


def _in_use(settings: Settings, port: int, setting: str) -> PortTaken:
    """The error for a port that somebody listens on, with who it is where that is known."""
    if setting == API_PORT:
        if (here := _serving_at(settings, port)) is not None:
            return _served_already(here)
        other = service_at(settings.api_url)
        if other is not None and other.model == settings.project.registered_model:
            # Started by other means than `vouch`, or of a copy of the project: which of them, it does not say.
            return PortTaken(
                f"Port {port} on {settings.serving.host} is in use by a vouchml service of {other.model}, "
                "as this project's would be.",
                remedy=f"If it is this project's, it is served already. Else stop it, or choose {_another(setting)}",
            )
        whose = f": the vouchml service of {other.model}" if other else ""
    else:
        here = next((each for each in serving_here(settings) if each.mlflow_port == port), None)
        if here is not None:
            return PortTaken(
                f"MLflow's pages of this project are at port {port} already ({here.command}, process {here.process}).",
                remedy="Leave them to it with --no-mlflow, or choose another port: " + _ways(setting),
            )
        whose = ""
    return PortTaken(
        f"Port {port} on {settings.serving.host} is in use by another program{whose}.",
        remedy=f"Stop that program, or choose {_another(setting)}",
    )


def _serving_at(settings: Settings, port: int) -> ServingHere | None:
    return next((each for each in serving_here(settings) if each.port == port), None)


def _served_already(here: ServingHere) -> PortTaken:
    return PortTaken(
        f"This project is being served already ({here.command}, process {here.process}, {here.url}).",
        remedy=f"Stop it with Ctrl-C there, or: kill {here.process}. To serve it twice, choose {_another(API_PORT)}",
    )


def _another(setting: str) -> str:
    return f"another port: {_ways(setting)}"


def _ways(setting: str) -> str:
    return f"{setting} in vouch.toml, or VOUCH_SERVING__{setting.rpartition(' ')[2].upper()}=PORT."
