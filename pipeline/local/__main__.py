"""`python -m pipeline.local`: the service as a process of its own, which outlives whoever starts it or ends with it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.local.state_folder import DEFAULT_FOLDER
from pipeline.process import run_to_end


def main() -> int:
    """Serve until stopped; the exit code."""
    from pipeline.local.process.service_process import Options, serve

    parser = argparse.ArgumentParser(prog="python -m pipeline.local", description="SageMaker on localhost")
    parser.add_argument("--state", type=Path, default=DEFAULT_FOLDER, help="the folder that keeps everything")
    parser.add_argument("--port", type=int, default=0, help="the port on 127.0.0.1; 0: any that is free")
    parser.add_argument("--region", help="the region of its ARNs")
    parser.add_argument("--account", help="the account of its ARNs")
    parser.add_argument("--fault", action="append", default=[], help="a fault on purpose, such as throttle=0.1")
    parser.add_argument("--image", action="append", default=[], help="a stand-in for an image: NAME=COMMAND")
    parser.add_argument("--lambda", action="append", default=[], dest="lambdas", help="NAME=module:function")
    parser.add_argument("--no-sync", action="store_true", help="do not wait for the disk; a power loss may lose all")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the process that started this one")
    parser.add_argument("--hold", action="store_true", help="take up nothing that was under way")
    parser.add_argument(
        "--wait-factor", type=float, default=1.0, help="the fraction of a rollout's waits to sit through"
    )
    given = parser.parse_args()
    options = Options(
        given.state,
        given.port,
        given.region,
        given.account,
        faults=tuple(given.fault),
        images=tuple(given.image),
        lambdas=tuple(given.lambdas),
        sync=not given.no_sync,
        hold=given.hold,
        wait_factor=given.wait_factor,
    )
    stdin = sys.stdin if given.until_stdin_closes else None
    try:
        serve(options, out=sys.stdout, stdin=stdin, ready=_leave_stdout)
    except PipelineError as error:
        print(error.show(), file=sys.stderr)
        return error.exit_code
    return 0


def _leave_stdout() -> None:
    """Whoever started us reads the address and then no more: a later print must not meet a closed pipe."""
    if not sys.stdout.isatty():
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


if __name__ == "__main__":
    run_to_end(main)
