"""The JSON files that stand among a version's files: canonical when written, taken exactly when read."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from vouchml.canonical_json import canonical_json
from vouchml.errors import BundleInvalid


class FileValue(BaseModel):
    """What a file holds, or a part of it: frozen, no key that is not declared, no number that is not finite."""

    # Strict: a number that is written as text or as a boolean is not a number.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def to_bytes(self) -> bytes:
        """The value as canonical JSON (RFC 8785); what is None is left out."""
        return canonical_json(self.model_dump(mode="json", exclude_none=True))


_LONGEST_PART = 80

Value = TypeVar("Value", bound=FileValue)


def read_model_file(path: Path, value: type[Value], *, called: str, missing: BundleInvalid) -> Value:
    """Read the file at `path`, which a person knows as `called`.

    Raises:
        BundleInvalid: `missing` where there is no file, another where it does not hold such a value.
    """
    try:
        return value.model_validate_json(path.read_bytes())
    except (FileNotFoundError, IsADirectoryError):
        raise missing from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part)[:_LONGEST_PART] for part in first["loc"])
        problem = first["msg"].removeprefix("Value error, ")
        raise BundleInvalid(
            f"{path.name} is not {called}: {f'{place}: ' if place else ''}{problem}.",
            remedy="Train the version again.",
        ) from None
