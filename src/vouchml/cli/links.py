"""Show what the check of a chain came to, such as of a receipt or a pack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vouchml.cli.screen import columns, note, print_json, show

if TYPE_CHECKING:
    from vouchml.ledger.link import Chain


def tell_links(chain: Chain, what: str, *, as_json: bool, **more: Any) -> None:
    """Print the links of `chain`, which is a `what`, and what they come to; `more` goes into the JSON too."""
    if as_json:
        links = [{"name": link.name, "status": link.status.value, "reason": link.reason} for link in chain.links]
        print_json({"outcome": chain.outcome, "links": links, **more})
        return
    made = columns("Link", "Status", "Why")
    for link in chain.links:
        made.add_row(link.name, link.status.value, link.reason)
    show(made)
    words = {
        "ok": "Every link is verified.",
        "failed": f"A link failed: do not rely on this {what}.",
        "incomplete": "No link failed, and not all could be checked.",
    }
    note(words[chain.outcome])
