"""Measure the service beside its limits and its peers: `python -m benchmarks.serving`.

Nothing is imported here: the programs of the contenders are modules of this package, and run in other environments.
"""
