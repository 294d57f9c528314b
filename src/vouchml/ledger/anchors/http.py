"""An HTTP endpoint that takes checkpoints: each is the body of a POST, as the text that it is."""

from __future__ import annotations

import os
from pathlib import Path

from vouchml.errors import AnchorFailed
from vouchml.ledger.anchors.base import WITHIN_SECONDS
from vouchml.ledger.store.base import Checkpoint
from vouchml.settings import AnchorSettings


class HttpAnchor:
    """Any status from 200 to 299 says that the checkpoint is kept."""

    def __init__(self, settings: AnchorSettings, _root: Path, _kept: Path) -> None:
        self._url = settings.to
        self._token_variable = settings.token_variable

    def push(self, checkpoint: Checkpoint) -> None:
        """Post it.

        Raises:
            AnchorFailed: nobody answers, or the answer is a refusal.
        """
        post(self._url, checkpoint.note.encode(), "text/plain; charset=utf-8", **self._authorization())

    def _authorization(self) -> dict[str, str]:
        if not self._token_variable:
            return {}
        token = os.environ.get(self._token_variable)
        if not token:
            raise AnchorFailed(
                "The environment has no token for it.",
                remedy="Set the variable that [[ledger.anchors]] token_variable names.",
            )
        return {"Authorization": f"Bearer {token}"}


def post(url: str, content: bytes, content_type: str, **headers: str) -> bytes:
    """The body of the answer to a POST.

    Raises:
        AnchorFailed: there is none, or it is a refusal.
    """
    import httpx

    try:
        reply = httpx.post(
            url, content=content, headers={"Content-Type": content_type, **headers}, timeout=WITHIN_SECONDS
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise AnchorFailed(
            f"Nobody answers there: {type(error).__name__}.", remedy="Check the address and the network."
        ) from error
    if not reply.is_success:
        raise AnchorFailed(f"It answers with the status {reply.status_code}.", remedy="Look at what it logged.")
    return reply.content
