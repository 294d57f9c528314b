"""The versions that the ledger names, as files: from the cache of bundles, else from the registry."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from vouchml.errors import BundleInvalid
from vouchml.model import Bundle, Scorer, load_scorer
from vouchml.registry import ModelRegistry
from vouchml.serving.following.bundle_cache import BundleCache
from vouchml.settings import Settings


class RecordedVersions:
    """Fetches and loads each version once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cache = BundleCache(settings.private_folder / "bundles")
        self._bundles: dict[str, Bundle] = {}
        self._scorers: dict[str, Scorer] = {}

    def bundle(self, served: Mapping[str, Any]) -> Bundle:
        """The files that answered, by a leaf's `served`: those with the model digest that it names.

        Raises:
            VersionNotFound, RegistryUnreachable: they are neither in the cache nor in the registry.
            BundleInvalid: the registry has other files under this version now.
        """
        digest = served["model"]
        if digest not in self._bundles:
            self._bundles[digest] = self._cached(digest) or self._fetched(served)
        return self._bundles[digest]

    def scorer(self, served: Mapping[str, Any]) -> Scorer:
        """The scorer of these files.

        Raises:
            VersionNotFound, RegistryUnreachable, BundleInvalid, DependencyMissing: they cannot be loaded.
        """
        digest = served["model"]
        if digest not in self._scorers:
            self._scorers[digest] = load_scorer(self.bundle(served))
        return self._scorers[digest]

    def _cached(self, digest: str) -> Bundle | None:
        return self._cache.open(digest) if self._cache.holds(digest) else None

    def _fetched(self, served: Mapping[str, Any]) -> Bundle:
        registry = ModelRegistry.connect(self._settings.tracking_uri)
        version = registry.version(served["name"], served["version"])
        bundle = self._cache.obtain(partial(registry.fetch, version))
        if bundle.digest != served["model"]:
            raise BundleInvalid(
                f"The registry has other files under version {version.number} than those that answered.",
                remedy="Find out who changed them; restore them from a copy.",
            )
        return bundle
