"""How many bytes of long bodies a worker holds at once: what memory has to bear, however many callers send."""

from __future__ import annotations

from typing import Final

from vouchml.errors import BodiesHeld

#: Bodies up to so many bytes are not counted: there are `[serving] max_in_flight` of them at most.
SHORT_BODY: Final = 64 * 1024


class HeldBytes:
    """Bytes of bodies longer than `SHORT_BODY`, from when they arrive to the end of their request.

    Used on the event loop. A body that alone has more than `most` bytes is taken when no other is held.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0

    def require_room(self, more: int, *, own: int = 0) -> None:
        """Check that a request which holds `own` bytes may have `more`.

        Raises:
            BodiesHeld: others hold so many that it would be too many.
        """
        if self._held > own and self._held + more > self._most:
            raise BodiesHeld("The service holds as many bytes of long bodies as it takes.", remedy="Ask again soon.")

    def take(self, length: int, *, own: int = 0) -> int:
        """Let a request which holds `own` bytes hold a body of `length` in their place; how many of it are counted.

        Raises:
            BodiesHeld: as `require_room`; what it held before it goes on holding.
        """
        if length <= SHORT_BODY:
            return 0
        self.require_room(length - own, own=own)
        self._held += length - own
        return length

    def give_back(self, counted: int) -> None:
        """A request has let go of what it held."""
        self._held -= counted
