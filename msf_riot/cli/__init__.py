"""The msf-riot command: arguments in, one answer out, for a person (tables) or a program (--json).

Each command is a file here: `add_arguments` says what it takes, `run` is a function from its arguments to an Answer,
which main() prints; the first line of `run`'s docstring is its help. What a user can get wrong ends in one line on
standard error and the exit status of its error; MSF_DEBUG=1 shows the traceback as well.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import traceback
from collections.abc import Sequence

from msf_riot.cli.options import Answer, OneLineParser
from msf_riot.errors import MsfError
from msf_riot.terminal import show

COMMANDS = (
    "inspect",
    "quantize",
    "zoo",
    "plan",
    "generate",
    "verify",
    "evaluate",
    "testbed",
    "boards",
    "makefile",
    "update",
    "riot",
)
"""The files of this folder that are commands, in the order of the help."""


def parser(commands: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The whole command line, or some of its commands."""
    made = OneLineParser(prog="msf-riot", description="Fits an int8 CNN into a microcontroller's RAM under RIOT.")
    added_to = made.add_subparsers(metavar="COMMAND", required=True)
    for name in commands:
        command = importlib.import_module(f"msf_riot.cli.{name}")
        summary = command.run.__doc__.splitlines()[0]
        added = added_to.add_parser(name, help=summary, description=summary)
        added.set_defaults(run=command.run)
        added.add_argument("--json", action="store_true", help="print one JSON value instead of tables")
        command.add_arguments(added)
    return made


def _run(arguments: argparse.Namespace) -> int:
    answer: Answer = arguments.run(arguments)
    if arguments.json:
        print(json.dumps(answer.data, indent=2))
    else:
        show(answer.shown)
    if answer.problem:
        raise answer.problem
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status; never raises."""
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        status = _run(parser(given[:1] if given and given[0] in COMMANDS else COMMANDS).parse_args(given))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except MsfError as error:
        return _complain(str(error), error.exit_status)
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error), MsfError.exit_status)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        return _complain(f"{what} (a defect of msf-riot: please report it with what MSF_DEBUG=1 shows)", 1)


def _complain(message: str, status: int) -> int:
    """One line: the message, and of the log that a BuildError brings the first line."""
    if os.environ.get("MSF_DEBUG") == "1":
        traceback.print_exc()
    print(f"msf-riot: error: {' '.join(' '.join(message.splitlines()[:2]).split())}", file=sys.stderr)
    return status
