"""The contenders: one file each, named in `CONTENDERS` in the order of the tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from benchmarks.serving.contenders.base import Contender, Workplace
from benchmarks.serving.contenders.bentoml import BENTOML
from benchmarks.serving.contenders.fastapi_pandas import FASTAPI_PANDAS
from benchmarks.serving.contenders.fastapi_pydantic import FASTAPI_PYDANTIC
from benchmarks.serving.contenders.litserve import LITSERVE
from benchmarks.serving.contenders.mlflow_models_serve import MLFLOW_MODELS_SERVE
from benchmarks.serving.contenders.mlserver import MLSERVER
from benchmarks.serving.contenders.raw_asgi import RAW_ASGI
from benchmarks.serving.contenders.starlette_route import STARLETTE_ROUTE
from benchmarks.serving.contenders.static_reply import STATIC_REPLY
from benchmarks.serving.contenders.vetiver import VETIVER
from benchmarks.serving.contenders.vouchml import VOUCHML, VOUCHML_POSTGRES, VOUCHML_SQLITE

CONTENDERS: Final[Mapping[str, Contender]] = {
    contender.name: contender
    for contender in (
        VOUCHML,
        VOUCHML_SQLITE,
        VOUCHML_POSTGRES,
        STATIC_REPLY,
        RAW_ASGI,
        STARLETTE_ROUTE,
        FASTAPI_PYDANTIC,
        MLFLOW_MODELS_SERVE,
        FASTAPI_PANDAS,
        VETIVER,
        BENTOML,
        LITSERVE,
        MLSERVER,
    )
}

__all__ = ["CONTENDERS", "Contender", "Workplace"]
