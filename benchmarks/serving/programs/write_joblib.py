"""Write the pipeline as joblib: `python -m benchmarks.serving.programs.write_joblib TARGET`."""

from __future__ import annotations

import sys

import joblib

from benchmarks.serving.programs.exported_model import read_exported_model
from benchmarks.serving.programs.pipeline import make_pipeline

if __name__ == "__main__":
    joblib.dump(make_pipeline(read_exported_model(), named=False), sys.argv[1])
