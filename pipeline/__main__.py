"""The command `pipeline`, and `python -m pipeline`.

Nothing is imported before a Ctrl-C is minded: the command's own imports take a quarter of a second.
"""

import sys


def main() -> None:
    """Run the command line; the process ends here."""
    try:
        from pipeline.cli import main as run
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)  # INTERRUPTED_EXIT_CODE, which may not be there yet
    run()


if __name__ == "__main__":
    main()
