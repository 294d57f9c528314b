"""`vouch`: the commands, and how their errors end.

Every error that vouchml raises on purpose becomes one line on standard error, the remedy below it, and the exit
status of its kind (docs/errors.md).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from vouchml.cli import (
    approve,
    audit,
    break_glass,
    diff,
    doctor,
    gate,
    init,
    keys,
    ledger,
    outcome,
    pack,
    predict,
    receipt,
    registry,
    replay,
    reproduce,
    revoke,
    serve,
    sign,
    trace,
    train,
    up,
)
from vouchml.cli.garbage import collect_seldom, leave_the_rest
from vouchml.cli.options import help_if_alone
from vouchml.errors import DependencyMissing, VouchError

INTERRUPTED, BROKEN_PIPE = 130, 141

app = typer.Typer(
    name="vouch",
    help="Take a table to a served classifier, and prove every prediction that it made.",
    invoke_without_command=True,
    # Rich help would cost 0.2 seconds of imports at each `--help` and at each mistyped command.
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
    pretty_exceptions_enable=False,
)
app.command("up")(up.up)
app.command("init")(init.init)
app.command("train")(train.train)
app.add_typer(registry.app, name="registry")
app.command("sign")(sign.sign)
app.command("gate")(gate.gate)
app.command("approve")(approve.approve)
app.command("promote")(registry.promote)
app.command("revoke")(revoke.revoke)
app.command("break-glass")(break_glass.break_glass)
app.command("audit")(audit.audit)
app.command("pack")(pack.pack)
app.command("verify-pack")(pack.verify_pack)
app.command("serve")(serve.serve)
app.command("predict")(predict.predict)
app.command("trace")(trace.trace)
app.command("receipt")(receipt.receipt)
app.command("verify-receipt")(receipt.verify_receipt)
app.add_typer(ledger.app, name="ledger")
app.command("replay")(replay.replay)
app.command("reproduce")(reproduce.reproduce)
app.command("diff")(diff.diff)
app.command("outcome")(outcome.outcome)
app.add_typer(keys.app, name="keys")
app.command("doctor")(doctor.doctor)


def _print_version(value: bool) -> None:
    if value:
        from vouchml import __version__

        typer.echo(f"vouch {__version__}")
        raise typer.Exit


@app.callback()
def _global_options(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="The project's settings; may stand after the command too.  [default: $VOUCH_CONFIG, else vouch.toml]",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    ctx.obj = config
    help_if_alone(ctx)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `vouch` with `arguments`, else with those of the process, and exit."""
    collect_seldom()
    status = _status(list(sys.argv[1:] if arguments is None else arguments))
    leave_the_rest()
    sys.exit(status)


def _status(arguments: list[str]) -> int:  # noqa: PLR0911 - one for each way to end
    try:
        # In this mode Typer returns the status of an early exit instead of exiting.
        status = typer.main.get_command(app).main(arguments, prog_name="vouch", standalone_mode=False)
        sys.stdout.flush()
    except VouchError as error:
        return _failed(error.message, error.remedy, error.exit_status)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "vouchml":
            raise
        missing = _dependency(error.name)
        return _failed(missing.message, missing.remedy, missing.exit_status)
    except typer.Abort:
        return INTERRUPTED
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "vouch"
        return _failed(error.format_message(), f"How it is used: {command} --help", error.exit_code)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough. Nothing may be written to it when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return status if isinstance(status, int) else 0


def _failed(message: str, remedy: str, status: int) -> int:
    colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    word = "\x1b[31merror:\x1b[0m" if colours else "error:"
    if remedy:
        from vouchml.cli.typed import as_typed

        remedy = f"{as_typed(remedy)}\n"
    sys.stderr.write(f"{word} {message}\n{remedy}")
    return status


def _dependency(module: str) -> DependencyMissing:
    return DependencyMissing(
        f"This command needs {module.partition('.')[0]}, which is not installed.",
        remedy="pip install 'vouchml[train,serve]', or see what is missing: vouch doctor",
    )


if __name__ == "__main__":
    main()
