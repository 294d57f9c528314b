"""Whether a port can be listened on, asked before anything is started."""

from __future__ import annotations

import errno
import socket

from vouchml.errors import PortTaken, SettingsInvalid
from vouchml.settings import Settings

API_PORT = "[serving] port"
MLFLOW_PORT = "[serving] mlflow_port"


def require_free_ports(settings: Settings, *, mlflow: bool) -> None:
    """Check the port of the API, and with `mlflow` that of MLflow's pages.

    Raises:
        PortTaken: another program listens on one, or this user may not.
        SettingsInvalid: both ports are the same, or the host is not an address of this machine.
    """
    serving = settings.serving
    if mlflow and serving.port == serving.mlflow_port:
        raise SettingsInvalid(
            f"{API_PORT} and {MLFLOW_PORT} are both {serving.port}.", remedy="Give them different numbers."
        )
    require_free_port(serving.host, serving.port, setting=API_PORT)
    if mlflow:
        require_free_port(serving.host, serving.mlflow_port, setting=MLFLOW_PORT)


def require_free_port(host: str, port: int, *, setting: str) -> None:
    """Check that this process could listen on `port` of `host`; `setting` is where the number comes from.

    Raises:
        PortTaken: another program listens there, or this user may not.
        SettingsInvalid: the host is not an address of this machine.
    """
    problem = port_problem(host, port)
    if problem is None:
        return
    if problem in (errno.EADDRINUSE, errno.EACCES, errno.EPERM):
        what = "in use by another program" if problem == errno.EADDRINUSE else "not open to this user"
        raise PortTaken(
            f"Port {port} on {host} is {what}.",
            remedy=f"Stop that program, or choose another port: {setting} in vouch.toml, or {_variable(setting)}=PORT.",
        )
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


def _variable(setting: str) -> str:
    return f"VOUCH_SERVING__{setting.rpartition(' ')[2].upper()}"
