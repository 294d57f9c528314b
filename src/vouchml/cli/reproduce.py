"""`vouch reproduce`: train a version again from its manifest, and say how close it came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vouchml.cli.options import Config, Json, Reference, project_settings
from vouchml.cli.screen import columns, facts, note, print_json, show, steps

if TYPE_CHECKING:
    from rich.table import Table

    from vouchml.governance.reproduce import Reproduction, Stage
    from vouchml.project.reproducing import Reproduced
    from vouchml.project.surroundings import Surrounding

WELL, NOT_WELL = 0, 1
SHA256_LENGTH, DIGEST_SHOWN = 64, 12


def reproduce(
    ctx: typer.Context,
    version: Reference,
    at_least: Annotated[
        Literal["R4", "R3", "R2", "R1", "R0"],
        typer.Option(
            "--at-least", metavar="LEVEL", help="The level to demand, R4 to R0.  [default: R2]", show_default=False
        ),
    ] = "R2",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Train a version again from its manifest, and say how close it came.

    In a folder and an MLflow of its own: nothing is logged or registered in the project's. R4 is identical files, R3
    identical probabilities on the test rows, R2 probabilities within 1e-9 and the same labels, R1 metrics within 1e-6,
    R0 equivalence by the margins of the policy, X none of these. Exits with 1 below the level that is demanded.
    docs/reproduce.md says how each is tested.
    """
    settings = project_settings(ctx, config)
    with steps(quiet=quiet) as progress:
        progress("Loading the libraries")
        from vouchml.project.reproducing import reproduce as train_again

        made = train_again(settings, version, progress=progress)
    reached = made.reproduction.reaches(at_least)
    if as_json:
        print_json({**made.to_dict(), "at_least": at_least, "reached": reached})
    else:
        _tell(made)
        if not reached:
            note(f"{at_least} was demanded.")
    raise typer.Exit(WELL if reached else NOT_WELL)


def _tell(made: Reproduced) -> None:
    reproduction = made.reproduction
    show(_stages(reproduction.stages), "")
    if reproduction.tests:
        show(_tests(reproduction), "")
    if made.surroundings:
        show(_surroundings(made.surroundings), "")
    rows = [
        ("Version", f"{made.version.number} of {made.version.name}, model digest {made.model_digest}"),
        ("Run", made.run_id),
        ("Level", reproduction.level),
    ]
    if reproduction.level != "R4" and reproduction.first_difference:
        rows.append(("Differs first", reproduction.first_difference))
    show(facts(rows))


def _stages(stages: tuple[Stage, ...]) -> Table:
    made = columns("Stage", "Result", "Recorded", "Now", "What differs")
    words = {True: "same", False: "differs", None: "not reached"}
    for stage in stages:
        made.add_row(stage.name, words[stage.same], _short(stage.expected), _short(stage.found), stage.note)
    return made


def _tests(reproduction: Reproduction) -> Table:
    made = columns("Level", "Reached", "Asked", "Found")
    for test in reproduction.tests:
        made.add_row(test.level, "yes" if test.passed else "no", test.asked, test.found)
    return made


def _surroundings(found: tuple[Surrounding, ...]) -> Table:
    made = columns("Environment", "Recorded", "Now", "What it can do")
    for each in found:
        made.add_row(each.place.removeprefix("environment."), _cell(each.recorded), _cell(each.now), each.why)
    return made


def _short(digests: str) -> str:
    """The first characters of each digest; --json has all of them."""
    return " ".join(f"{word[:DIGEST_SHOWN]}…" if len(word) == SHA256_LENGTH else word for word in digests.split())


def _cell(value: object) -> str:
    return "none" if value is None else str(value)
