"""Metrics for Prometheus, right across the workers of a service: each counts for itself, whoever is asked sums up."""

from vouchml.serving.metrics.run import RUN_VARIABLE, new_run, service_run
from vouchml.serving.metrics.scrape import CONTENT_TYPE, render
from vouchml.serving.metrics.worker import WorkerMetrics

__all__ = ["CONTENT_TYPE", "RUN_VARIABLE", "WorkerMetrics", "new_run", "render", "service_run"]
