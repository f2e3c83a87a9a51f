"""Tables and progress for a person at a terminal; plain wide text where the output goes elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from rich.console import Console, RenderableType
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

PATIENCE = 2.0
"""Seconds of work before a progress bar appears."""

PLAIN_WIDTH = 200
"""Columns of a table that does not go to a terminal."""


def show(what: RenderableType) -> None:
    """Prints to standard output."""
    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH).print(what)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table whose columns of numbers are set right."""
    body = [list(row) for row in rows]
    result = Table(title=title or None, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for index, name in enumerate(columns):
        numeric = all(row[index] is None or isinstance(row[index], int | float) for row in body)
        result.add_column(name, justify="right" if numeric and body else "left", overflow="fold")
    for row in body:
        result.add_row(*(Text(_cell(value)) for value in row))
    return result


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4g}"
        case _:
            return str(value)


def facts(title: str, pairs: Iterable[tuple[str, object]]) -> Table:
    """A table of names and values."""
    result = Table(title=title or None, title_justify="left", box=None, show_header=False, pad_edge=False)
    for name, value in pairs:
        result.add_row(name, Text(_cell(value)))
    return result


@contextlib.contextmanager
def working(message: str) -> Iterator[Callable[[str], None]]:
    """Shows on a terminal's standard error what is going on; yields the function that changes the message."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with Console(stderr=True).status(message) as status:
        yield status.update


@contextlib.contextmanager
def progressing(message: str) -> Iterator[Callable[..., None]]:
    """Yields a function of (done, of all, what) that draws a bar on standard error, a terminal, once work is long."""
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        bar = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
        task = bar.add_task(message)

        def advance(done: int, total: int, what: str = message) -> None:
            if not bar.live.is_started and time.monotonic() - began > PATIENCE:
                stack.enter_context(bar)
            bar.update(task, completed=done, total=total, description=what)

        yield advance
