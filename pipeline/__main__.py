"""The command `pipeline`, and `python -m pipeline`: a process, and in it one command.

Nothing is imported before a Ctrl-C is minded: the command's own imports take a tenth of a second, most of it Typer's.
They are made inside of the process, which looks for garbage seldom.
"""

import sys


def main() -> None:
    """Run the command line; the process ends here."""
    try:
        from pipeline.process import run_to_end

        run_to_end(_command)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)  # INTERRUPTED_EXIT_CODE, which may not be there yet


def _command() -> int:
    from pipeline.cli import execute

    return execute(sys.argv[1:])


if __name__ == "__main__":
    main()
