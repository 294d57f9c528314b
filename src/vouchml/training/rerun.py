"""Run a recorded training again, and say whether it came out the same.

```python
again = run_again(read_manifest(Path("run_manifest.json"), root=Path.cwd()))
again.same, again.differences, again.other_surroundings
```
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vouchml.canonical_json import canonical_json
from vouchml.data.findings import listed
from vouchml.data.fingerprint import content_sha256
from vouchml.data.source import read_source
from vouchml.errors import TableChanged, TableUnreadable
from vouchml.training.recorded_run import RecordedRun
from vouchml.training.train import TrainedVersion, train

#: What a run comes to. Equal bits are meant: these are digests, and numbers that JSON gives back exactly.
RESULTS: Final = ("data.bytes_sha256", "split", "contract_sha256", "evaluation", "test_probabilities_sha256")
#: What can make a processor add the same numbers differently.
SURROUNDINGS: Final = tuple(
    f"environment.{part}"
    for part in ("python", "implementation", "platform", "libraries", "lock_sha256", "thread_pools")
)


@dataclass(frozen=True)
class Difference:
    """One place of the manifest where the two runs differ; None where one of them has nothing."""

    place: str
    recorded: Any
    now: Any


@dataclass(frozen=True)
class Rerun:
    """A run that was made again: what came of it, and where it differs from the recorded one."""

    recorded: RecordedRun
    trained: TrainedVersion
    differences: tuple[Difference, ...]
    other_surroundings: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether the split, the contract, the metrics and the probabilities are the same to the last bit."""
        return not self.differences


def run_again(
    recorded: RecordedRun, *, register: bool = True, progress: Callable[[str], None] = lambda _: None
) -> Rerun:
    """Train as `recorded` says, and compare.

    Raises:
        TableChanged: the table is another one.
        VouchError: see `train`.
    """
    progress("Comparing the table with the recorded one")
    require_recorded_table(recorded)
    trained = train(recorded.settings, register=register, progress=progress)
    return Rerun(
        recorded=recorded,
        trained=trained,
        differences=tuple(differences(recorded.manifest, trained.manifest, RESULTS)),
        other_surroundings=tuple(differences(recorded.manifest, trained.manifest, SURROUNDINGS)),
    )


def require_recorded_table(recorded: RecordedRun) -> None:
    """Refuse any table but the one that the run was trained on.

    Raises:
        TableUnreadable: there is no table.
        TableChanged: it has another SHA-256; the message says in what it differs.
    """
    path = recorded.settings.data_path
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TableUnreadable(
            f"{recorded.settings.data.path} cannot be read: {error.strerror or 'no reason given'}.",
            remedy="Put the table there, or say where it is: VOUCH_DATA__PATH=FILE",
        ) from error
    if found != recorded.data_sha256:
        raise TableChanged(
            f"{recorded.settings.data.path} is not the table of run {recorded.run_id}: its SHA-256 is {found}, "
            f"recorded is {recorded.data_sha256}; {_what_differs(recorded)}.",
            remedy="Find the table that was recorded, or train on this one without the manifest.",
        )


def differences(recorded: Mapping[str, Any], now: Mapping[str, Any], parts: tuple[str, ...]) -> Iterator[Difference]:
    """Where two manifests differ in these parts, such as `environment.python`."""
    before = dict(_leaves(recorded, parts))
    after = dict(_leaves(json.loads(canonical_json(now)), parts))
    for place in dict.fromkeys((*before, *after)):
        if before.get(place) != after.get(place):
            yield Difference(place, before.get(place), after.get(place))


def _what_differs(recorded: RecordedRun) -> str:
    data = recorded.manifest["data"]
    try:
        source = read_source(recorded.settings.data_path)
    except TableUnreadable as error:
        return f"it cannot be read as a table ({error.message.removesuffix('.')})"
    if content_sha256(source.columns) == data.get("content_sha256"):
        return "its content is the same, it is spelled differently"
    names = {column.name for column in source.columns}
    missing = [name for name in recorded.feature_names if name not in names]
    if missing:
        return f"it has no {listed(missing)}"
    rows = len(source.row_numbers)
    if rows != data.get("file_rows"):
        return f"it has {rows} rows, recorded are {data.get('file_rows')}"
    return "it has as many rows, and other cells or columns"


def _leaves(value: Any, parts: tuple[str, ...], place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below one of `parts` that is not a list or an object, by its place."""
    if isinstance(value, Mapping | list):
        entries = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, entry in entries:
            yield from _leaves(entry, parts, f"{place}.{key}" if place else str(key))
    # How many threads a library would use elsewhere is no part of a fit, which uses one.
    elif any(place == part or place.startswith(f"{part}.") for part in parts) and not place.endswith(".threads"):
        yield place, value
