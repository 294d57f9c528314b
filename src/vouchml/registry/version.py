"""A registered model version, as we see it, and the ways to name one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from vouchml.errors import VersionNotFound

STAGES: Final = ("None", "Staging", "Production", "Archived")
# MLflow counts versions in 32 bits.
HIGHEST_VERSION: Final = 2**31 - 1


@dataclass(frozen=True)
class Version:
    """One registered model version. `stage` is one of MLflow's four, `created` is UTC."""

    name: str
    number: int
    run_id: str | None
    source: str
    stage: str
    aliases: tuple[str, ...]
    created: datetime
    tags: Mapping[str, str]

    @classmethod
    def from_mlflow(cls, version: Any, *, aliases: tuple[str, ...] | None = None) -> Version:
        """Take over an MLflow `ModelVersion`; some stores leave the aliases out of what they find by search."""
        return cls(
            name=version.name,
            number=int(version.version),
            run_id=version.run_id or None,
            source=version.source,
            stage=version.current_stage,
            aliases=tuple(sorted(version.aliases if aliases is None else aliases)),
            created=datetime.fromtimestamp(version.creation_timestamp / 1000, tz=UTC),
            tags=dict(version.tags),
        )


@dataclass(frozen=True)
class Reference:
    """What a user calls a version: its number, an alias or a stage."""

    number: int | None = None
    alias: str | None = None
    stage: str | None = None


def parse_reference(name: str, reference: str) -> Reference:
    """Read `3`, `@staging`, `Staging`, or `models:/NAME/3`, `models:/NAME@staging`, `models:/NAME/Staging`.

    Raises:
        VersionNotFound: the reference is none of these, or names another registered model.
    """
    text = reference.strip()
    if text.startswith("models:/"):
        path = text.removeprefix("models:/")
        rest = path.removeprefix(name)
        if rest == path or rest[:1] not in ("/", "@"):
            raise VersionNotFound(
                f"{reference} is not a version of {name}.", remedy=f"Write models:/{name}/3 or models:/{name}/Staging."
            )
        text = rest.removeprefix("/")
    if text.startswith("@") and len(text) > 1:
        return Reference(alias=text[1:])
    if text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= HIGHEST_VERSION:
        return Reference(number=int(text))
    for stage in STAGES:
        if text.lower() == stage.lower():
            return Reference(stage=stage)
    raise VersionNotFound(
        f"'{reference}' does not name a version of {name}.",
        remedy="Give a number such as 3, an alias such as @staging, or a stage such as Staging.",
    )
