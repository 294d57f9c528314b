"""The doors of the service, one file each."""

from vouchml.serving.routes.health import health_routes
from vouchml.serving.routes.model_info import model_info_routes
from vouchml.serving.routes.predict import predict_routes

__all__ = ["health_routes", "model_info_routes", "predict_routes"]
