"""Numbers of bytes as people write them."""

from __future__ import annotations

import re

UNITS = {"": 1, "b": 1, "kb": 1000, "kib": 1 << 10, "mb": 1000**2, "mib": 1 << 20}


def size_bytes(text: str) -> int:
    """ "16KiB" -> 16384. Raises ValueError, which says what a size looks like."""
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,9})?) ?([a-z]*)", text.strip().lower())
    if found is None or found[2] not in UNITS:
        raise ValueError(f"'{text}' is no size; write bytes, or a number with kB, KiB, MB or MiB")
    return int(float(found[1]) * UNITS[found[2]])
