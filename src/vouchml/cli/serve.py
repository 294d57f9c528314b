"""`vouch serve`: the service, in this process."""

from __future__ import annotations

from typing import Annotated

import typer

from vouchml.cli.garbage import collect_as_usual
from vouchml.cli.options import Config, project_settings
from vouchml.cli.screen import note


def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="Instead of [serving] host.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="PORT", min=1, max=65535, help="Instead of [serving] port.")
    ] = None,
    config: Config = None,
) -> None:
    """Serve predictions with the version in the stage.

    When the stage or its alias moves to another version, the service follows within seconds.
    """
    settings = project_settings(ctx, config)
    chosen = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update={"serving": settings.serving.model_copy(update=chosen)})
    from vouchml.project.ports import API_PORT, require_free_port

    require_free_port(settings.serving.host, settings.serving.port, setting=API_PORT)
    import uvicorn

    from vouchml.serving import create_app

    collect_as_usual()
    note(f"Serving {settings.model_uri} at {settings.api_url} (pages at {settings.api_url}/docs). Ctrl-C stops it.")
    uvicorn.run(
        create_app(settings),
        host=settings.serving.host,
        port=settings.serving.port,
        log_level="warning",
        access_log=False,
        server_header=False,
    )
