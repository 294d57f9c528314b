"""Several workers under uvicorn's supervisor, none of which answers Ctrl-C with a stack trace while it starts."""

from __future__ import annotations

import signal
from multiprocessing import resource_tracker

import uvicorn
from uvicorn.supervisors import Multiprocess

from vouchml.serving.held_signals import held_back


def run_workers(config: uvicorn.Config) -> None:
    """Listen, run `config.workers` workers, and replace those that end, until this process is asked to end."""
    # Python starts this process of its own with the first worker, and lets SIGINT through to us again as it does.
    resource_tracker.ensure_running()
    _Workers(config, sockets=[config.bind_socket()]).run()


class _Workers(Multiprocess):
    """uvicorn's supervisor. These methods start workers; `app_of_environment` lets SIGINT through to each."""

    def init_processes(self) -> None:
        with held_back(signal.SIGINT):
            super().init_processes()

    def keep_subprocess_alive(self) -> None:
        with held_back(signal.SIGINT):
            super().keep_subprocess_alive()

    def restart_all(self) -> None:
        with held_back(signal.SIGINT):
            super().restart_all()

    def handle_ttin(self) -> None:
        with held_back(signal.SIGINT):
            super().handle_ttin()
