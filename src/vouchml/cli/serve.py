"""`vouch serve`: the service, in this process or in several workers."""

from __future__ import annotations

import os
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouchml.cli.garbage import collect_as_usual
from vouchml.cli.options import Config, config_file, project_settings
from vouchml.cli.screen import note

if TYPE_CHECKING:
    from pathlib import Path

    from vouchml.settings import ServingSettings

APP = "vouchml.serving.app:app_of_environment"
KEEP_ALIVE_SECONDS = 75
HUNG_AFTER_SECONDS = 30


def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="Instead of [serving] host.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="PORT", min=1, max=65535, help="Instead of [serving] port.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, max=256, help="Instead of [serving] workers.")
    ] = None,
    allow_anonymous: Annotated[
        bool, typer.Option("--allow-anonymous", help="Let everyone call who reaches the address; see docs/serving.md.")
    ] = False,
    tls_certificate: Annotated[
        str | None, typer.Option("--tls-certificate", metavar="FILE", help="Serve HTTPS with this certificate chain.")
    ] = None,
    tls_key: Annotated[
        str | None, typer.Option("--tls-key", metavar="FILE", help="The private key of the certificate.")
    ] = None,
    root_path: Annotated[
        str, typer.Option("--root-path", metavar="PATH", help="Where a proxy in front shows the service, such as /ml.")
    ] = "",
    config: Config = None,
) -> None:
    """Serve predictions with the version in the stage.

    When the stage or its alias moves to another version, the service follows within seconds. On SIGTERM it answers what
    has been asked, and ends; with several workers, SIGHUP replaces them one by one.
    """
    settings = project_settings(ctx, config)
    chosen: dict[str, Any] = {"host": host, "port": port, "workers": workers}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if allow_anonymous:
        chosen["allow_anonymous"] = True
    settings = settings.model_copy(update={"serving": settings.serving.model_copy(update=chosen)})
    import uvicorn

    from vouchml.project.ports import API_PORT, require_free_port
    from vouchml.project.serving_here import known_to_serve
    from vouchml.serving.access import address_rule
    from vouchml.serving.workers import run_workers

    rule = address_rule(settings)
    require_free_port(settings, settings.serving.port, setting=API_PORT)
    if rule.warning:
        note(f"Warning: {rule.warning}")
    scheme = "https" if tls_certificate else "http"
    url = settings.api_url.replace("http", scheme, 1)
    note(f"Serving {settings.model_uri} at {url} (pages at {url}/docs). Ctrl-C stops it.")
    _pass_on(settings.serving, config_file(ctx, config), chosen)
    collect_as_usual()
    options: dict[str, Any] = {
        "factory": True,
        "host": settings.serving.host,
        "port": settings.serving.port,
        "workers": settings.serving.workers,
        "ssl_certfile": tls_certificate,
        "ssl_keyfile": tls_key,
        "root_path": root_path,
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        # Nothing here looks at who is behind a proxy, so nothing is taken on a proxy's word.
        "proxy_headers": False,
        "ws": "none",
        "backlog": 4096,
        # Longer than balancers keep a connection, so that they close it: a request never meets our closing of it.
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        # A body that is on its way when the service stops has its time.
        "timeout_graceful_shutdown": ceil(settings.serving.body_seconds) + 5,
        "timeout_worker_healthcheck": HUNG_AFTER_SECONDS,
    }
    with known_to_serve(settings, command="vouch serve", url=url):
        if settings.serving.workers == 1:
            uvicorn.run(APP, **options)
        else:
            run_workers(uvicorn.Config(APP, **options))


def _pass_on(serving: ServingSettings, config: Path, chosen: dict[str, Any]) -> None:
    """Let workers, which are processes of their own, find the same settings."""
    from vouchml.serving.metrics import RUN_VARIABLE, new_run
    from vouchml.settings import ENVIRONMENT_PREFIX, SETTINGS_FILE_VARIABLE

    os.environ[SETTINGS_FILE_VARIABLE] = str(config.resolve())
    for name in chosen:
        value = getattr(serving, name)
        os.environ[f"{ENVIRONMENT_PREFIX}SERVING__{name.upper()}"] = str(value)
    os.environ[RUN_VARIABLE] = new_run()
