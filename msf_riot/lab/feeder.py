"""Keeps the database up with a journal while a run goes on; a database that is away loses nothing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from msf_riot.errors import LabError
from msf_riot.lab.journal import entries_from
from msf_riot.lab.store import Store

SECONDS = 1.0
SECONDS_AWAY = 5.0


@contextlib.contextmanager
def feeding(run: str, complain: Callable[[str], None]) -> Iterator[None]:
    """Takes the run's entries into the database as they come; `complain` is told once each time that it is away."""
    stop = threading.Event()
    thread = threading.Thread(target=_feed, args=(run, stop, complain), name="database")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _feed(run: str, stop: threading.Event, complain: Callable[[str], None]) -> None:
    store: Store | None = None
    away = False
    place = 0
    while True:
        last = stop.wait(SECONDS_AWAY if away else SECONDS)
        try:
            found, next_ = entries_from(run, place)
            store = store or Store()
            store.take_in(found)
            place, away = next_, False
        except LabError as error:
            if not away:
                complain(str(error))
            away = True
        if last:
            break
    if store is not None:
        store.close()
