"""The service of the project in this folder: `uvicorn api.main:app --host 127.0.0.1 --port 8000`."""

import sys

from vouchml.errors import VouchError
from vouchml.serving.app import create_app
from vouchml.serving.open_files import allow_many_connections
from vouchml.settings import load_settings

allow_many_connections()
try:
    app = create_app(load_settings())
except VouchError as error:
    sys.stderr.write(f"{error.diagnostics()}\n")
    sys.exit(error.exit_status)
