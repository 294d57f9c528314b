"""What `vouch up` does before it serves: keys, a version, the gate, a promotion; each step to be shown when it is done.

```python
make_development_keys(settings)
found = find_or_train(settings, retrain=False, progress=print)
if not is_ready(settings, found):
    decide(settings, str(found.version.number))
    put_in_stage(settings, found, say=print)
```
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vouchml.errors import BundleInvalid, EvidenceRefused, VersionNotFound
from vouchml.governance.admission import require_signed
from vouchml.project.admissibility import admission_of
from vouchml.project.moves import promote
from vouchml.project.person import person_at
from vouchml.project.private_copy import private_copy
from vouchml.registry import ModelRegistry, Version
from vouchml.settings import Settings
from vouchml.trust.key_ring import KeyRing
from vouchml.trust.trust_store import TrustedKey
from vouchml.trust.trust_store_file import read_trust_store

if TYPE_CHECKING:
    from vouchml.project.signing import Signing
    from vouchml.training import TrainedVersion

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """A version that is up to date. `trained` and `signing` are None when it was there already.

    `passed_over` is a version that was up to date but not signed, or not as it is now.
    """

    version: Version
    trained: TrainedVersion | None
    signing: Signing | None
    passed_over: int | None


def make_development_keys(settings: Settings) -> tuple[TrustedKey, ...]:
    """Make a key for each role that no valid key has; those that were made.

    Raises:
        TrustStoreInvalid, FolderNotWritable, SigningKeyInvalid: they cannot be made.
    """
    return KeyRing(settings.signing_keys_folder, settings.trust_store_path).add_development_keys()


def find_or_train(settings: Settings, *, retrain: bool, progress: Progress) -> Found:
    """A signed version that is up to date with data and settings, else a new one.

    One that is not signed is passed over: nobody here can say whether MLflow still has what was trained.

    Raises:
        VouchError: the table, the training or the registry failed; see there.
    """
    from vouchml.project.signing import sign_version
    from vouchml.registry.reachability import require_store
    from vouchml.training import train, up_to_date_version

    require_store(settings.tracking_uri, create=True)
    progress("Looking for a version that is up to date")
    version = None if retrain else up_to_date_version(settings)
    if version is not None and (settings.trust.admission != "enforce" or _is_signed(settings, version)):
        return Found(version, None, None, None)
    trained = train(settings, progress=progress)
    assert trained.version is not None  # noqa: S101 - train registers unless told otherwise
    signing = sign_version(settings, trained.version, trained=trained.manifest, progress=progress)
    return Found(trained.version, trained, signing, version.number if version else None)


def is_ready(settings: Settings, found: Found) -> bool:
    """Whether the version is in the stage, by stage and alias, and may serve."""
    registry = ModelRegistry.connect(settings.tracking_uri)
    pointer = registry.pointer(settings.project.registered_model, settings.project.stage)
    if pointer.version != found.version.number or pointer.alias != pointer.stage:
        return False
    if settings.trust.admission != "enforce":
        return True
    try:
        with private_copy(registry, found.version) as copy:
            admission_of(settings, copy)
    except (EvidenceRefused, BundleInvalid, VersionNotFound):
        return False
    return True


def taken_out_for(settings: Settings, found: Found) -> Version | None:
    """The version that somebody put in the place of this one, which was there before; None when nobody did."""
    registry = ModelRegistry.connect(settings.tracking_uri)
    name, stage = settings.project.registered_model, settings.project.stage
    pointed = registry.pointer(name, stage).version
    if found.trained is not None or pointed in (None, found.version.number):
        return None
    was_there = any(move.to_version == found.version.number and move.stage == stage for move in registry.history(name))
    return registry.version(name, str(pointed)) if was_there else None


def put_in_stage(settings: Settings, found: Found, *, say: Progress) -> Version:
    """Promote the version, unless it is in the stage. Where it is refused, the version that is there stays.

    Raises:
        EvidenceRefused: it may not serve, and there is no other.
        VouchError: it cannot be recorded or moved.
    """
    registry = ModelRegistry.connect(settings.tracking_uri)
    name, stage = settings.project.registered_model, settings.project.stage
    why = "vouch up: a new training" if found.trained else "vouch up: up to date with data and settings"
    try:
        promote(settings, str(found.version.number), who=person_at(settings.root), why=why, say=say)
    except EvidenceRefused as error:
        pointed = registry.pointer(name, stage).version
        if pointed in (None, found.version.number):
            raise
        say(f"WARNING: {error.message} Version {pointed} stays in {stage}. {error.remedy}")
        return registry.version(name, str(pointed))
    return registry.version(name, str(found.version.number))


def _is_signed(settings: Settings, version: Version) -> bool:
    """Whether a trainer signed the files as MLflow has them now."""
    registry = ModelRegistry.connect(settings.tracking_uri)
    trust = read_trust_store(settings.trust_store_path)
    try:
        with private_copy(registry, version) as copy:
            require_signed(copy.folder, copy.digest, copy.evidence, trust, model=version.name, at=datetime.now(UTC))
    except (EvidenceRefused, BundleInvalid, VersionNotFound):
        return False
    return True
