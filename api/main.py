"""The service of the project in this folder: `uvicorn api.main:app --host 127.0.0.1 --port 8000`."""

from vouchml.serving.app import app_of_environment

app = app_of_environment()
