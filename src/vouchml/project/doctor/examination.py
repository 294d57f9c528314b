"""All checks, in the order of the report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vouchml.errors import SettingsInvalid
from vouchml.project.doctor import evidence, in_project, machine
from vouchml.project.doctor.finding import Finding, Outcome, ok, problem
from vouchml.settings import Settings, load_settings


def examine(config: Path) -> Iterator[Finding]:
    """Look at the machine, then at the project of `config`; what needs settings is left out when they are broken."""
    yield machine.python_version()
    for extra in machine.EXTRAS:
        yield machine.packages(extra)
    try:
        settings = load_settings(config)
    except SettingsInvalid as error:
        yield problem("Settings", error.message, error.remedy)
        yield machine.disk_space(Path.cwd())
        return
    yield from _project(settings, config)


def _project(settings: Settings, config: Path) -> Iterator[Finding]:
    yield ok("Settings", str(config.resolve()))
    yield in_project.table(settings)
    store = in_project.store(settings)
    yield store
    if store.outcome is not Outcome.PROBLEM:
        yield in_project.staged_version(settings)
        yield evidence.staged_evidence(settings)
    yield evidence.signing_keys(settings)
    yield in_project.places(settings)
    yield from in_project.ports(settings)
    yield in_project.api_keys(settings)
    yield in_project.private_folder(settings)
    yield machine.disk_space(settings.root)
    yield machine.clock(settings.root)
