"""The app: routes, error replies and the follower, put together for one project.

```python
app = create_app(load_settings())  # then: uvicorn api.main:app
```
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio.to_thread
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from vouchml import __version__
from vouchml.serving.error_replies import install_error_replies
from vouchml.serving.follower import Follower
from vouchml.serving.logs import show_logs
from vouchml.serving.openapi import install_openapi
from vouchml.serving.routes import health_routes, model_info_routes, predict_routes
from vouchml.serving.schemas import ErrorReply
from vouchml.settings import Settings

DESCRIPTION: Final = (
    "Answers predictions with the version that the MLflow registry points at. Input that the model's contract does "
    "not allow is refused with a list of what is wrong; nothing is coerced, defaulted or dropped."
)


def create_app(settings: Settings) -> FastAPI:
    """The service of one project. It listens at once and loads a model as soon as the registry has one."""
    follower = Follower(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        show_logs()
        follower.start()
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(follower.stop)

    app: FastAPI = FastAPIOffline(
        title=settings.project.name,
        description=DESCRIPTION,
        version=__version__,
        lifespan=lifespan,
        redirect_slashes=False,
        responses={500: {"model": ErrorReply, "description": "The service failed; its log says why."}},
        redoc_url=None,  # its bundle asks the network for a logo
    )
    app.include_router(health_routes(follower))
    app.include_router(model_info_routes(follower))
    app.include_router(predict_routes(follower, settings.serving))
    install_error_replies(app)
    install_openapi(app, follower)
    return app
