"""Ask a person before something is done that cannot be undone."""

from __future__ import annotations

import sys

import typer

from vouchml.cli.screen import note


def require_terminal(*, yes: bool) -> None:
    """Check before the work that the question at its end can be asked; with `yes` none is.

    Raises:
        AnswerMissing: standard input is not a terminal, so there is nobody to ask.
    """
    if yes or sys.stdin.isatty():
        return
    from vouchml.errors import AnswerMissing

    raise AnswerMissing(
        "This command asks before it goes on, and its input is not a terminal. Nothing was done.",
        remedy="Answer beforehand: --yes",
    )


def confirm(question: str) -> None:
    """Go on if the person says yes, else end.

    Raises:
        AnswerMissing: as `require_terminal`.
        typer.Abort: the answer is no.
    """
    require_terminal(yes=False)
    if not typer.confirm(question, err=True):
        note("Nothing was done.")
        raise typer.Abort
