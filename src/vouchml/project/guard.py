"""A small program that ends process groups when the one that started it is gone, however it went.

It reads lines `+GROUP` and `-GROUP` from standard input. Standard input closes when the starter ends, even by
SIGKILL; then every group still on the list is asked to end, and killed five seconds later. It imports nothing of
vouchml, so that it starts in milliseconds.
"""

from __future__ import annotations

import os
import signal
import sys
import time

GRACE_SECONDS = 5.0


def main() -> None:
    """Keep the list until standard input closes, then end what is on it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    end_groups(groups, grace_seconds=GRACE_SECONDS)


def end_groups(groups: set[int], *, grace_seconds: float) -> None:
    """Ask `groups` to end, and kill what is left of them after `grace_seconds`."""
    for group in groups:
        signal_group(group, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while time.monotonic() < deadline and any(signal_group(group, 0) for group in groups):
        time.sleep(0.05)
    for group in groups:
        signal_group(group, signal.SIGKILL)


def signal_group(group: int, number: int) -> bool:
    """Send a signal to every process of `group`; False when there is none left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        return False
    return True


if __name__ == "__main__":
    main()
