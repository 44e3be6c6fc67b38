"""The command `pipeline`: a thin skin that parses, calls one function, prints, and exits with a documented code.

Nothing here exits. A command's module imports what it needs inside the command, so that `--help` stays quick.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

import typer

from pipeline.cli import endpoint, executions, local, models, operations, promote, run, schedules, start, upsert
from pipeline.cli.lazy_commands import needed
from pipeline.errors import INTERRUPTED_EXIT_CODE, PipelineError
from pipeline.process import is_output_written
from pipeline.terminal import shown_safely

app: Final = typer.Typer(
    name="pipeline",
    help="A SageMaker pipeline for the built-in linear-learner, on AWS and on this machine alike.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(version("linear-learner-pipeline"))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What stands before a command."""


app.add_typer(local.app, name="local")
app.add_typer(models.app, name="models")
app.add_typer(endpoint.app, name="endpoint")
app.add_typer(schedules.app, name="schedule")
run.register(app)
upsert.register(app)
start.register(app)
executions.register(app)
operations.register(app)
promote.register(app)

# Typer has a click of its own and exports only some of its errors; this is the base of all of them.
_CommandLineError: Final[Any] = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")


def execute(arguments: list[str]) -> int:
    """Run one command and return its exit code; errors are printed to standard error, never a traceback."""
    with shown_safely(sys.stdout, sys.stderr):
        return _execute(arguments)


def _execute(arguments: list[str]) -> int:
    try:
        answer = needed(app, arguments)(arguments, prog_name="pipeline", standalone_mode=False)
    except PipelineError as error:
        print(error.show(), file=sys.stderr)
        return error.exit_code
    except typer.Abort:
        return INTERRUPTED_EXIT_CODE
    except _CommandLineError as error:
        error.show(sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED_EXIT_CODE
    except BrokenPipeError:
        # The reader (`| head`) has gone; nothing more can be said to it.
        sys.stderr.close()
        return 1
    except OSError as error:
        if is_output_written():
            place = f"{error.filename}: " if error.filename else ""
            print(f"error: {place}{error.strerror or error}", file=sys.stderr)
        return 1
    return answer if isinstance(answer, int) else 0
