"""Places outside that keep the checkpoints of a ledger, so that its operator cannot write it anew unseen."""

from vouchml.ledger.anchors.base import Anchor, file_name
from vouchml.ledger.anchors.open import ANCHORS, open_anchor
from vouchml.ledger.anchors.pushing import AnchorPusher
from vouchml.ledger.anchors.state import AnchorState, AnchorStates

__all__ = ["ANCHORS", "Anchor", "AnchorPusher", "AnchorState", "AnchorStates", "file_name", "open_anchor"]
