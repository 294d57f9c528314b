"""The Model Registry of one MLflow store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from vouchml.errors import PromotionRefused, VersionNotFound
from vouchml.registry.bounded_download import download, list_files
from vouchml.registry.connection import connect_client
from vouchml.registry.failures import mlflow_errors
from vouchml.registry.history import Action, Promotion, last_move, read_history, version_before
from vouchml.registry.pointer import Pointer, follow
from vouchml.registry.stages import quiet_about_stages
from vouchml.registry.version import Version, parse_reference

# MLflow writes this file into what it downloads; it is not one that was logged.
META_FILE: Final = "registered_model_meta"
VERSIONS_A_PAGE: Final = 200


@dataclass(frozen=True)
class ModelRegistry:
    """Registered models of one MLflow store. Every method may raise RegistryUnreachable."""

    client: Any

    @classmethod
    def connect(cls, tracking_uri: str, *, create: bool = False) -> ModelRegistry:
        """Reach the store; with `create`, make an SQLite database that is not there.

        Raises:
            RegistryUnreachable: nothing answers there, or MLflow refuses that kind of store.
        """
        return cls(connect_client(tracking_uri, create=create))

    def register(self, name: str, *, source: str, run_id: str | None, tags: Mapping[str, str] | None = None) -> Version:
        """Add the model at `source` (`models:/m-…` or `runs:/…`) as the next version of `name`."""
        from mlflow.exceptions import MlflowException

        with mlflow_errors(f"a model at {source}"):
            try:
                self.client.create_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            model_id = source.removeprefix("models:/") if source.startswith("models:/m-") else None
            # MLflow copies `source` as it is; only a place that can be downloaded from resolves later.
            place = self.client.get_logged_model(model_id).artifact_location if model_id else source
            created = self.client.create_model_version(
                name, place, run_id=run_id, tags=dict(tags or {}), model_id=model_id, await_creation_for=60
            )
        return Version.from_mlflow(created)

    def versions(self, name: str) -> tuple[Version, ...]:
        """All versions of `name`, newest first.

        Raises:
            VersionNotFound: there is no such registered model.
        """
        registered = self._registered_model(name)
        with mlflow_errors(f"versions of {name}"):
            found: list[Any] = []
            token: str | None = None
            while token is None or token:
                page = self.client.search_model_versions(
                    f"name = '{name}'", max_results=VERSIONS_A_PAGE, page_token=token
                )
                found.extend(page)
                token = page.token or ""
        aliases = _aliases_by_version(registered)
        versions = [Version.from_mlflow(version, aliases=aliases.get(int(version.version), ())) for version in found]
        return tuple(sorted(versions, key=lambda version: version.number, reverse=True))

    def version(self, name: str, reference: str) -> Version:
        """The version that `reference` names: `3`, `@staging`, `Staging` or a `models:/` URI of these.

        Raises:
            VersionNotFound: there is no such version.
        """
        wanted = parse_reference(name, reference)
        if wanted.number is not None:
            with mlflow_errors(f"version {wanted.number} of {name}"):
                return Version.from_mlflow(self.client.get_model_version(name, str(wanted.number)))
        if wanted.alias is not None:
            number = _aliases(self._registered_model(name)).get(wanted.alias)
            if number is None:
                raise VersionNotFound(
                    f"No version of {name} has the alias @{wanted.alias}.",
                    remedy=f"See what there is: vouch registry list (models:/{name})",
                )
            return self.version(name, str(number))
        staged = [version for version in self.versions(name) if version.stage == wanted.stage]
        if not staged:
            raise VersionNotFound(
                f"No version of {name} is in {wanted.stage}.", remedy="Promote one: vouch promote VERSION --why TEXT"
            )
        return staged[0]

    def pointer(self, name: str, stage: str, *, previous: Pointer | None = None) -> Pointer:
        """Where the pointer of `stage` is now, following what moved since `previous`.

        Without `previous`, what moved since the last promotion that is recorded counts.

        Raises:
            VersionNotFound: there is no such registered model.
        """
        registered = self._registered_model(name)
        move = last_move(read_history(dict(registered.tags)), stage)
        recorded = Pointer(move.to_version, move.to_version, move.to_version) if move else None
        staged = self._numbers_in(name, stage)
        return follow(
            alias=_aliases(registered).get(stage.lower()),
            staged=staged,
            stage_name=stage,
            alias_name=stage.lower(),
            before=previous or recorded,
        )

    def promote(self, name: str, reference: str, *, stage: str, who: str, why: str) -> Promotion:
        """Point the alias and the stage at one version, and write who, when and why into the history.

        Raises:
            VersionNotFound: there is no such version.
        """
        version = self.version(name, reference)
        return self._move(name, version.number, stage=stage, who=who, why=why, action="promote")

    def rollback(self, name: str, *, stage: str, who: str, why: str) -> Promotion:
        """Point back to the version that served before the one that serves now.

        Raises:
            PromotionRefused: no version served before.
            VersionNotFound: the version that served before was deleted.
        """
        target = self.rollback_target(name, stage=stage)
        return self._move(name, target.number, stage=stage, who=who, why=why, action="rollback")

    def rollback_target(self, name: str, *, stage: str) -> Version:
        """The version that served before the one that serves now.

        Raises:
            PromotionRefused: no version served before.
            VersionNotFound: the version that served before was deleted.
        """
        current = self.pointer(name, stage).version
        before = version_before(self.history(name), stage, current) if current is not None else None
        if before is None:
            raise PromotionRefused(
                f"No version of {name} was in {stage} before this one, as far as the history goes.",
                remedy="Choose one yourself: vouch promote VERSION --why TEXT",
            )
        return self.version(name, str(before))

    def history(self, name: str) -> tuple[Promotion, ...]:
        """Every recorded move of the pointers of `name`, oldest first.

        Raises:
            VersionNotFound: there is no such registered model.
        """
        return read_history(dict(self._registered_model(name).tags))

    def fetch(self, version: Version, folder: Path, *, most_bytes: int | None = None) -> None:
        """Copy the files of `version`, as they were logged, into the empty `folder`: `most_bytes` together, if given.

        Raises:
            VersionNotFound: the files are gone.
            BundleInvalid: they have more bytes, by what MLflow lists or by what arrives, or a path leads elsewhere.
        """
        what = f"the files of version {version.number} of {version.name}"
        with mlflow_errors(what):
            place = self.client.get_model_version_download_uri(version.name, str(version.number))
            repository = self.artifacts(place)
            files = list_files(repository)
            if not files and not _is_there(repository):
                raise VersionNotFound(f"MLflow does not have {what}.", remedy="See what there is: vouch registry list")
            download(repository, files, folder, most=most_bytes)
        (folder / META_FILE).unlink(missing_ok=True)

    def artifacts(self, place: str) -> Any:
        """MLflow's repository of the artifacts at an address."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        uri = self.client.tracking_uri
        return get_artifact_repository(place, tracking_uri=uri, registry_uri=uri)

    def fetch_run_files(self, version: Version, names: Collection[str], folder: Path) -> frozenset[str]:
        """Copy those of `names` that the run of `version` has among its artifacts into `folder`, and say which."""
        from mlflow.artifacts import download_artifacts

        if version.run_id is None:
            return frozenset()
        with mlflow_errors(f"the run of version {version.number} of {version.name}"):
            there = {entry.path for entry in self.client.list_artifacts(version.run_id)} & set(names)
            for name in there:
                download_artifacts(
                    run_id=version.run_id, artifact_path=name, dst_path=folder, tracking_uri=self.client.tracking_uri
                )
        return frozenset(there)

    def tag(self, version: Version, key: str, value: str) -> None:
        """Set a tag of `version`. Whoever may write to MLflow may change it: it tells, it does not prove."""
        with mlflow_errors(f"version {version.number} of {version.name}"):
            self.client.set_model_version_tag(version.name, str(version.number), key, value)

    def _move(self, name: str, number: int, *, stage: str, who: str, why: str, action: Action) -> Promotion:
        """Move alias, then stage, then write the history.

        The stage moves and the older versions are archived in one transaction of MLflow's, and the alias is
        replaced in one: at no moment is either empty.
        """
        before = self.pointer(name, stage)
        promotion = Promotion(
            at=datetime.now(UTC),
            who=who,
            why=why,
            action=action,
            stage=stage,
            from_version=before.version,
            to_version=number,
        )
        with mlflow_errors(f"version {number} of {name}"), quiet_about_stages():
            self.client.set_registered_model_alias(name, stage.lower(), str(number))
            self.client.transition_model_version_stage(name, str(number), stage, archive_existing_versions=True)
            self.client.set_registered_model_tag(name, *promotion.as_tag())
        return promotion

    def _registered_model(self, name: str) -> Any:
        first = "Train a first version (vouch train), or mend [project] registered_model."
        with mlflow_errors(f"a registered model {name}", not_found=first):
            return self.client.get_registered_model(name)

    def _numbers_in(self, name: str, stage: str) -> tuple[int, ...]:
        return tuple(version.number for version in self.versions(name) if version.stage == stage)


def _is_there(repository: Any) -> bool:
    """Whether a place without files is there all the same: an empty folder, which other stores do not have."""
    if repository.list_artifacts(None):
        return True
    folder = getattr(repository, "artifact_dir", None)  # of a store on this machine's disk
    return folder is not None and Path(folder).is_dir()


def _aliases(registered: Any) -> dict[str, int]:
    return {alias: int(number) for alias, number in registered.aliases.items()}


def _aliases_by_version(registered: Any) -> dict[int, tuple[str, ...]]:
    numbers = _aliases(registered)
    return {number: tuple(alias for alias, named in numbers.items() if named == number) for number in numbers.values()}
