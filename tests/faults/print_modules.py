"""Serve a few requests in this process, and print what it has loaded: `python print_modules.py VOUCH_TOML`."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import httpx
import uvicorn

from vouchml.serving.app import create_app
from vouchml.settings import load_settings


def main() -> None:
    settings = load_settings(Path(sys.argv[1]))
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
        while client.get("/health/ready").status_code != 200:
            time.sleep(0.05)
        names = client.get("/model-info").json()["expected_features"]
        row = dict.fromkeys(names, 1.0)
        split = {"columns": names, "data": [list(row.values())]}
        tensors = [{"name": name, "shape": [1], "datatype": "FP64", "data": [1.0]} for name in names]
        replies = [
            client.post("/predict", json={"features": row, "explain": True}),
            client.post("/predict/batch", json={"rows": [row, row]}),
            client.post("/invocations", json={"dataframe_split": split}),
            client.post(f"/v2/models/{settings.project.registered_model}/infer", json={"inputs": tensors}),
            client.get("/metrics"),
            client.get("/openapi.json"),
        ]
    server.should_exit = True
    thread.join()
    print(json.dumps({"statuses": [reply.status_code for reply in replies], "modules": sorted(sys.modules)}))


if __name__ == "__main__":
    main()
