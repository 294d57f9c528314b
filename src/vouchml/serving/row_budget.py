"""How many rows a worker has under way in requests of many: what memory and the ledger's writer have to bear."""

from __future__ import annotations

from vouchml.errors import ServiceBusy
from vouchml.serving.doors.base import Call


class RowBudget:
    """Rows under way, from before they are scored until their answer may leave. Used on the event loop.

    A request that alone has more than `most` rows is taken when no other is under way.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way = 0

    def take(self, call: Call, rows: int) -> None:
        """Let `call` have `rows` under way.

        Raises:
            ServiceBusy: others have so many under way that it would be too many.
        """
        if self._under_way and self._under_way + rows > self._most:
            raise ServiceBusy("The service has as many rows under way as it takes.", remedy="Ask again soon.")
        self._under_way += rows
        call.rows_under_way += rows

    def give_back(self, call: Call) -> None:
        """The call has ended, however it did."""
        self._under_way -= call.rows_under_way
        call.rows_under_way = 0
