"""Run in an environment of its own, since kserve and vouchml need different releases of pandas: no test, a program.

`python ask_with_kserve.py ADDRESS MODEL` takes rows as JSON on standard input and writes what kserve's client made of
the service to standard output.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput


async def main(address: str, model: str, rows: list[list[float]]) -> dict[str, Any]:
    """What the client says and answers, with binary tensors and without."""
    found: dict[str, Any] = {}
    async with InferenceRESTClient(RESTConfig(protocol="v2", timeout=30)) as client:
        found["live"] = await client.is_server_live(address)
        found["ready"] = await client.is_server_ready(address)
        found["model ready"] = await client.is_model_ready(address, model)
        found["other model ready"] = await client.is_model_ready(address, "another")
        for binary in (False, True):
            request = InferRequest(
                model_name=model,
                infer_inputs=[matrix(rows, binary)],
                request_id=f"binary-{binary}",
                request_outputs=outputs(binary),
            )
            answer = await client.infer(address, request, model_name=model)
            found[f"binary-{binary}"] = {
                "id": answer.id,
                "model_name": answer.model_name,
                "parameters": sorted(answer.parameters or {}),
                **{output.name: texts(output.as_numpy()) for output in answer.outputs},
            }
        plain = InferRequest(model_name=model, infer_inputs=[matrix(rows, False)])
        found["outputs by default"] = [output.name for output in (await client.infer(address, plain, model)).outputs]
        short = InferRequest(model_name=model, infer_inputs=[matrix([row[:-1] for row in rows], False)])
        try:
            await client.infer(address, short, model_name=model)
        except httpx.HTTPStatusError as error:
            found["refusal"] = {"status": error.response.status_code, "message": str(error)}
    return found


def matrix(rows: list[list[float]], binary: bool) -> InferInput:
    """All rows as one tensor."""
    tensor = InferInput(name="features", shape=[len(rows), len(rows[0])], datatype="FP64")
    tensor.set_data_from_numpy(np.array(rows, dtype=np.float64), binary_data=binary)
    return tensor


def outputs(binary: bool) -> list[RequestedOutput]:
    """All outputs, in JSON or in binary."""
    names = ("probability_positive_class", "prediction", "prediction_label")
    return [RequestedOutput(name, {"binary_data": binary}) for name in names]


def texts(values: Any) -> list[Any]:
    """The values as JSON has them."""
    return [value.decode() if isinstance(value, bytes) else value for value in values.tolist()]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2], json.load(sys.stdin)))))
