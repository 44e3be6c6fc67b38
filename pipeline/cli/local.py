"""`pipeline local`: the service on this machine, started, asked for, stopped."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from pipeline.cli.options import DEFAULT_STATE, State

app: Final = typer.Typer(help="SageMaker on this machine.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def start(
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1; 0 lets the system choose.")] = 0,
    state: State = DEFAULT_STATE,
    region: Annotated[str | None, typer.Option(help="The region of its ARNs; us-east-1 in a new folder.")] = None,
    account: Annotated[str | None, typer.Option(help="The account of its ARNs; 123456789012 in a new folder.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Run in the background.")] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="A fault on purpose; may be repeated. throttle=RATE, service-fault=RATE: of all requests. "
            "limit:ACTION=COUNT: the first requests. capacity:STEP=COUNT, internal:STEP=COUNT, fail:STEP=COUNT: the "
            "first jobs of a step, or of any with *. slow-job:STEP=SECONDS, slow-endpoint=SECONDS: later."
        ),
    ] = None,
    image: Annotated[
        list[str] | None, typer.Option(help="A program that stands in for an image: NAME=COMMAND.")
    ] = None,
    function: Annotated[
        list[str] | None, typer.Option("--lambda", help="A function for Lambda steps: NAME=module:function.")
    ] = None,
    sync: Annotated[
        bool, typer.Option("--sync/--no-sync", help="Wait for the disk before a write is acknowledged.")
    ] = True,
    hold: Annotated[
        bool,
        typer.Option("--hold", help="Resume nothing that was running; stop or delete it."),
    ] = False,
    wait_factor: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The fraction of a rollout's waits to sit through, e.g. 0.01.")
    ] = 1.0,
) -> None:
    """Start the service. Without --detach it runs until it is interrupted."""
    from pipeline.local.process import lifecycle

    lifecycle.start(
        state,
        port=port,
        detach=detach,
        region=region,
        account=account,
        faults=fault or [],
        images=image or [],
        lambdas=function or [],
        sync=sync,
        hold=hold,
        wait_factor=wait_factor,
    )


@app.command()
def env(state: State = DEFAULT_STATE) -> None:
    """Print what a shell evaluates to talk to the service. That is: eval "$(pipeline local env)"."""
    import os

    from pipeline.local.process import lifecycle

    print(lifecycle.exports(lifecycle.require(state), os.environ))


@app.command()
def status(state: State = DEFAULT_STATE) -> int:
    """Say whether the service runs, and where. Exit code 1 if it does not."""
    from pipeline.local.process import lifecycle
    from pipeline.local.process.discover import CONSOLE_NOTE

    running = lifecycle.running(state)
    if running is None:
        print(f"not running (state folder {state})")
        return 1
    print(f"running at {running.address}, process {running.pid}, state folder {state}")
    print(f"console: {running.console}\n{CONSOLE_NOTE}")
    return 0


@app.command()
def stop(state: State = DEFAULT_STATE) -> None:
    """Stop the service; what it keeps stays in the state folder."""
    from pipeline.local.process import lifecycle

    stopped = lifecycle.stop(state)
    print("stopped" if stopped else f"not running (state folder {state})")
