"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT, NUMBER, REAL, TRUTH = sa.Text, sa.BigInteger, sa.Double, sa.Boolean


def columns(kind: Any, *names: str) -> list[sa.Column[Any]]:
    """Columns that may be empty."""
    return [sa.Column(name, kind) for name in names]


def key(name: str, length: int = 64) -> sa.Column[Any]:
    """A column of the primary key."""
    return sa.Column(name, sa.String(length), primary_key=True)


def upgrade() -> None:
    """All of them."""
    op.create_table(
        "entries",
        key("id"),
        sa.Column("run", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("at", TEXT, nullable=False),
    )
    op.create_table("runs", key("run"), *columns(TEXT, "began", "ended", "machine", "tool", "lab", "matrix"))
    op.create_table("boards", key("board", 128), *columns(TEXT, "kind", "seen"))
    op.create_table("models", key("model_sha256"), *columns(TEXT, "model"))
    op.create_table(
        "plans",
        key("plan_hash"),
        *columns(TEXT, "plan", "kernels"),
        *columns(NUMBER, "stages", "arena_bytes", "macs"),
    )
    op.create_table(
        "firmware",
        key("build"),
        *columns(TEXT, "model_sha256", "plan_hash", "kind", "optimize", "elf_sha256"),
        *columns(NUMBER, "text_bytes", "data_bytes", "bss_bytes", "code_bytes", "weights_bytes"),
        *columns(TEXT, "compiler", "riot", "flags", "tool"),
    )
    op.create_table(
        "jobs",
        key("run"),
        key("job"),
        *columns(TEXT, "model", "plan", "board", "kind", "optimize"),
        *columns(NUMBER, "repetitions"),
        *columns(REAL, "timeout"),
        *columns(TEXT, "outcome", "phase", "reason"),
    )
    op.create_table(
        "attempts",
        key("attempt"),
        *columns(TEXT, "run", "job", "board"),
        *columns(NUMBER, "repetition"),
        *columns(TEXT, "rung", "began", "ended"),
        *columns(REAL, "seconds"),
        *columns(TEXT, "outcome", "phase", "error", "build", "log"),
        *columns(TRUTH, "flashed", "match"),
        *columns(NUMBER, "instructions", "microseconds", "stack_bytes"),
    )
    op.create_table(
        "results",
        key("run"),
        key("job"),
        *columns(TRUTH, "match"),
        *columns(NUMBER, "repetitions", "cases", "arena_bytes", "stack_bytes", "clock_hz"),
        *columns(REAL, "instructions", "instructions_spread", "microseconds", "microseconds_spread"),
        *columns(TEXT, "firmware", "device"),
    )


def downgrade() -> None:
    """None of them."""
    for name in ("results", "attempts", "jobs", "firmware", "plans", "models", "boards", "runs", "entries"):
        op.drop_table(name)
