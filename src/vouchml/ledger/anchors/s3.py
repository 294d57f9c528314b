"""An S3-compatible bucket: an object a checkpoint. With Object Lock, or a policy against deletion, it is write-once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vouchml.errors import AnchorFailed, DependencyMissing
from vouchml.ledger.anchors.base import WITHIN_SECONDS, file_name
from vouchml.ledger.store.base import Checkpoint
from vouchml.settings import AnchorSettings

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store


class S3Anchor:
    """Credentials are those of the environment, as Amazon's own tools take them."""

    def __init__(self, settings: AnchorSettings, _root: Path, _kept: Path) -> None:
        self._settings = settings

    def push(self, checkpoint: Checkpoint) -> None:
        """Put an object, unless there is one of that name; with its SHA-256, which a locked bucket demands.

        Raises:
            AnchorFailed: the server cannot be reached or refuses, or has another checkpoint of this size.
            DependencyMissing: the extra `s3` is not installed.
        """
        try:
            import obstore
            from obstore.exceptions import AlreadyExistsError, BaseError
        except ImportError as error:
            raise DependencyMissing(
                "Anchors in a bucket need obstore, which is not installed.", remedy="pip install 'vouchml[s3]'"
            ) from error
        name, content = file_name(checkpoint), checkpoint.note.encode()
        try:
            store = self._store()
            try:
                obstore.put(store, name, content, mode="create")
                kept = content
            except AlreadyExistsError:
                kept = bytes(obstore.get(store, name).bytes())
        except (BaseError, OSError, ValueError) as error:
            raise AnchorFailed(
                f"The bucket does not take it: {type(error).__name__}.",
                remedy="Check the bucket, its region and the credentials in the environment.",
            ) from error
        if kept != content:
            raise AnchorFailed(
                f"There is another checkpoint of {checkpoint.size} records already.",
                remedy="Verify the ledger with it: vouch ledger verify --checkpoint FILE.",
            )

    def _store(self) -> S3Store:
        from obstore.store import S3Store

        settings, address = self._settings, urlsplit(self._settings.to)
        config: S3Config = {"checksum_algorithm": "SHA256"}
        if settings.endpoint:
            config["endpoint"] = settings.endpoint
        if settings.region:
            config["region"] = settings.region
        within = timedelta(seconds=WITHIN_SECONDS)
        return S3Store(
            address.netloc,
            prefix=address.path.strip("/") or None,
            config=config,
            client_options={"allow_http": settings.endpoint.startswith("http://"), "timeout": within},
            retry_config={"max_retries": 1, "retry_timeout": within},
        )
