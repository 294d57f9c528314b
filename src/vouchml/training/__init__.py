"""From a table to a registered version: split, fit, evaluate, export, log to MLflow."""

from vouchml.training.train import TrainedVersion, train, up_to_date_version

__all__ = ["TrainedVersion", "train", "up_to_date_version"]
