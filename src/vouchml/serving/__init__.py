"""The service: answers predictions over HTTP with the version that the registry points at.

`vouchml.serving.app` makes it. Nothing is imported here: the watcher of the registry runs without the web framework.
"""
