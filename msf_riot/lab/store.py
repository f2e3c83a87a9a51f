"""Journals -> a database that can be asked: SQLite in a file, or PostgreSQL by its URL.

It takes each entry once, by its id, however often it is offered; it can be made again from the journals.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from msf_riot.errors import LabError
from msf_riot.lab.journal import Entry, entries, runs
from msf_riot.lab.places import state

metadata = sa.MetaData()

TEXT, NUMBER, REAL, TRUTH = sa.Text, sa.BigInteger, sa.Double, sa.Boolean

taken = sa.Table(
    "entries",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("run", TEXT, nullable=False),
    sa.Column("kind", TEXT, nullable=False),
    sa.Column("at", TEXT, nullable=False),
)
"""The journals' entries that are in the tables below."""

run_table = sa.Table(
    "runs",
    metadata,
    sa.Column("run", sa.String(64), primary_key=True),
    *(sa.Column(name, TEXT) for name in ("began", "ended", "machine", "tool", "lab", "matrix")),
)
board_table = sa.Table(
    "boards",
    metadata,
    sa.Column("board", sa.String(128), primary_key=True),
    sa.Column("kind", TEXT),
    sa.Column("seen", TEXT),
)
model_table = sa.Table(
    "models", metadata, sa.Column("model_sha256", sa.String(64), primary_key=True), sa.Column("model", TEXT)
)
plan_table = sa.Table(
    "plans",
    metadata,
    sa.Column("plan_hash", sa.String(64), primary_key=True),
    *(sa.Column(name, TEXT) for name in ("plan", "kernels")),
    *(sa.Column(name, NUMBER) for name in ("stages", "arena_bytes", "macs")),
)
firmware_table = sa.Table(
    "firmware",
    metadata,
    sa.Column("build", sa.String(64), primary_key=True),
    *(sa.Column(name, TEXT) for name in ("model_sha256", "plan_hash", "kind", "optimize", "elf_sha256")),
    *(sa.Column(name, NUMBER) for name in ("text_bytes", "data_bytes", "bss_bytes", "code_bytes", "weights_bytes")),
    *(sa.Column(name, TEXT) for name in ("compiler", "riot", "flags", "tool")),
)
job_table = sa.Table(
    "jobs",
    metadata,
    sa.Column("run", sa.String(64), primary_key=True),
    sa.Column("job", sa.String(64), primary_key=True),
    *(sa.Column(name, TEXT) for name in ("model", "plan", "board", "kind", "optimize")),
    sa.Column("repetitions", NUMBER),
    sa.Column("timeout", REAL),
    *(sa.Column(name, TEXT) for name in ("outcome", "phase", "reason")),
)
attempt_table = sa.Table(
    "attempts",
    metadata,
    sa.Column("attempt", sa.String(64), primary_key=True),
    *(sa.Column(name, TEXT) for name in ("run", "job", "board")),
    sa.Column("repetition", NUMBER),
    *(sa.Column(name, TEXT) for name in ("rung", "began", "ended")),
    sa.Column("seconds", REAL),
    *(sa.Column(name, TEXT) for name in ("outcome", "phase", "error", "build", "log")),
    *(sa.Column(name, TRUTH) for name in ("flashed", "match")),
    *(sa.Column(name, NUMBER) for name in ("instructions", "microseconds", "stack_bytes")),
)
result_table = sa.Table(
    "results",
    metadata,
    sa.Column("run", sa.String(64), primary_key=True),
    sa.Column("job", sa.String(64), primary_key=True),
    sa.Column("match", TRUTH),
    *(sa.Column(name, NUMBER) for name in ("repetitions", "cases", "arena_bytes", "stack_bytes", "clock_hz")),
    *(sa.Column(name, REAL) for name in ("instructions", "instructions_spread", "microseconds", "microseconds_spread")),
    *(sa.Column(name, TEXT) for name in ("firmware", "device")),
)

BATCH = 200


def default_url() -> str:
    """MSF_RESULTS, else a file of SQLite beside the journals."""
    named = os.environ.get("MSF_RESULTS", "")
    if "://" in named:
        return named
    return f"sqlite:///{Path(named).expanduser().absolute() if named else state() / 'results.sqlite'}"


class Store:
    """The database."""

    def __init__(self, url: str | None = None) -> None:
        """Brings its tables up to date. Raises LabError where it cannot be reached."""
        self.url = url or default_url()
        try:
            self._engine = sa.create_engine(self.url, pool_pre_ping=True)
        except (sa.exc.ArgumentError, ImportError) as error:
            raise LabError(f"MSF_RESULTS={self.url}: {' '.join(str(error).split())[:300]}") from error
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _write_ahead)
        with self._reached(), self._engine.begin() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7140)"))  # one migrates, the others wait
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            cause = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
            shown = sa.make_url(self.url).render_as_string()
            raise LabError(f"the database {shown} cannot be used: {cause}; the journals keep what it misses") from error

    def take_in(self, found: Sequence[Entry]) -> int:
        """Entries of journals, in order; how many were new. Raises LabError; what was taken in until then stays."""
        new = 0
        for start in range(0, len(found), BATCH):
            batch = found[start : start + BATCH]
            with self._reached(), self._engine.begin() as connection:
                known = set(
                    connection.scalars(sa.select(taken.c.id).where(taken.c.id.in_([entry["id"] for entry in batch])))
                )
                for entry in batch:
                    if entry["id"] in known:
                        continue
                    row = {name: entry[name] for name in ("id", "run", "kind", "at")}
                    with contextlib.suppress(sa.exc.IntegrityError):  # another process took it in meanwhile
                        with connection.begin_nested():
                            connection.execute(taken.insert().values(row))
                            _apply(connection, entry)
                        new += 1
        return new

    def take_in_all(self) -> int:
        """All journals of this machine."""
        return sum(self.take_in(entries(run)) for run in runs())

    def results(self, **equal: str | None) -> list[dict[str, Any]]:
        """One object for each job that is over or waits, the newest run first; filtered by run, model, board, kind."""
        joined = (
            job_table.outerjoin(
                result_table, (job_table.c.run == result_table.c.run) & (job_table.c.job == result_table.c.job)
            )
            .outerjoin(firmware_table, firmware_table.c.build == result_table.c.firmware)
            .outerjoin(plan_table, plan_table.c.plan_hash == firmware_table.c.plan_hash)
        )
        left_out = {"run", "job", "repetitions"}
        columns = [
            *job_table.c,
            *(column for column in result_table.c if column.name not in left_out),
            *(column for column in firmware_table.c if column.name not in ("build", "kind", "optimize")),
            *(plan_table.c[name] for name in ("kernels", "stages", "macs")),
        ]
        query = sa.select(*columns).select_from(joined)
        for name, value in equal.items():
            if value is not None:
                query = query.where(job_table.c[name] == value)
        query = query.order_by(job_table.c.run.desc(), job_table.c.model, job_table.c.plan, job_table.c.board)
        with self._reached(), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def runs(self) -> list[dict[str, Any]]:
        """Every run, the newest first."""
        query = sa.select(run_table).order_by(run_table.c.run.desc())
        with self._reached(), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def attempts(self, run: str) -> list[dict[str, Any]]:
        """Every attempt of a run, in the order in which they began."""
        query = sa.select(attempt_table).where(attempt_table.c.run == run).order_by(attempt_table.c.began)
        with self._reached(), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def close(self) -> None:
        """Gives the connections back."""
        self._engine.dispose()


def _write_ahead(connection: Any, _: object) -> None:
    """SQLite: readers beside a writer, and patience with another."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA busy_timeout=30000")


def _apply(connection: sa.Connection, entry: Entry) -> None:
    match entry["kind"]:
        case "run":
            row = {"run": entry["run"], "began": entry["at"], **_some(entry, run_table, "run", "began", "ended")}
            _put(connection, run_table, row)
            for job in entry["jobs"]:
                _put(
                    connection,
                    job_table,
                    {"run": entry["run"], "job": job["id"], **_some(job, job_table, "run", "job")},
                )
                _put(connection, board_table, {"board": job["board"], "kind": job["kind"], "seen": None})
        case "firmware":
            _put(connection, model_table, _some(entry, model_table))
            _put(connection, plan_table, _some(entry, plan_table))
            _put(connection, firmware_table, {"kind": entry["board"], **_some(entry, firmware_table, "kind")})
        case "begin":
            _put(connection, attempt_table, {"began": entry["at"], **_some(entry, attempt_table, "began")})
        case "attempt":
            result = entry.get("result") or {}
            measured = {name: result.get(name) for name in ("match", "instructions", "microseconds", "stack_bytes")}
            row = {"ended": entry["at"], **measured, **_some(entry, attempt_table, "began", "ended", *measured)}
            _put(connection, attempt_table, row)
            _put(connection, board_table, {"board": entry["board"], "seen": entry["at"]})
        case "job":
            _put(connection, job_table, _some(entry, job_table, "board", "kind"))
            if entry["outcome"] == "done":
                _put(connection, result_table, _some(entry, result_table))
        case "end":
            _put(connection, run_table, {"run": entry["run"], "ended": entry["at"]})


def _some(entry: Mapping[str, Any], table: sa.Table, *without: str) -> dict[str, Any]:
    """What of the entry has a column, but for those named."""
    return {name: entry[name] for name in table.columns.keys() if name in entry and name not in without}  # noqa: SIM118


def _put(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> None:
    """Inserts the row, or changes what is there under its key."""
    key = [column == row[column.name] for column in table.primary_key]
    if connection.execute(sa.select(sa.literal(1)).select_from(table).where(*key)).first() is None:
        connection.execute(table.insert().values(**row))
    else:
        names = {column.name for column in table.primary_key}
        changed = {name: value for name, value in row.items() if name not in names}
        if changed:
            connection.execute(table.update().where(*key).values(**changed))
