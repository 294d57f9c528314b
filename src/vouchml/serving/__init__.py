"""The service: answers predictions over HTTP with the version that the registry points at."""

from vouchml.serving.app import create_app

__all__ = ["create_app"]
