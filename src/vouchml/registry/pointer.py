"""The pointer: which version the alias and the stage name, and which of them counts when they differ.

A promotion by vouchml moves both. One made by hand, in MLflow's pages or by `MlflowClient`, moves one of them, so
the one that moved since it was last looked at is the one that somebody meant.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pointer:
    """Where the alias and the stage point, and the version to serve. All None when nothing is promoted."""

    alias: int | None
    stage: int | None
    version: int | None
    warnings: tuple[str, ...] = ()


def follow(
    *, alias: int | None, staged: tuple[int, ...], stage_name: str, alias_name: str, before: Pointer | None
) -> Pointer:
    """Say which version is meant, now that the alias names `alias` and the versions `staged` are in the stage.

    Several versions in a stage: the highest counts, as in MLflow. Alias and stage differ: the one that moved since
    `before` counts; if both moved or neither did, `before` decides where it can, else the higher version.
    """
    stage = max(staged, default=None)
    warnings: list[str] = []
    if len(staged) > 1:
        listed = ", ".join(str(number) for number in sorted(staged))
        warnings.append(f"Versions {listed} are all in {stage_name}; the highest counts.")
    if alias is not None and stage is not None and alias != stage:
        version: int | None = _the_one_that_moved(alias, stage, before)
        warnings.append(
            f"The alias @{alias_name} names version {alias} and the stage {stage_name} version {stage}; "
            f"version {version} counts. `vouch registry promote {version}` makes them agree."
        )
    else:
        version = alias if alias is not None else stage
    return Pointer(alias=alias, stage=stage, version=version, warnings=tuple(warnings))


def _the_one_that_moved(alias: int, stage: int, before: Pointer | None) -> int:
    if before is None:
        return max(alias, stage)
    alias_moved, stage_moved = alias != before.alias, stage != before.stage
    if alias_moved != stage_moved:
        return alias if alias_moved else stage
    if not alias_moved and before.version in (alias, stage):
        return before.version
    return max(alias, stage)
