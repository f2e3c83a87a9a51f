"""Any text -> what C strings, C comments and makefiles may hold of it."""

from __future__ import annotations


def c_string(text: str) -> str:
    """A C string literal with the UTF-8 bytes of `text`: no trigraph, no escape that runs into the next character."""
    shown = (
        chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\?' else f"\\{byte:03o}"
        for byte in text.encode("utf-8", "surrogateescape")
    )
    return f'"{"".join(shown)}"'


def c_float(value: float) -> str:
    """A float constant, as in 0.0078125f."""
    digits = f"{value:.9g}"
    return (digits if "." in digits else f"{value:.9e}") + "f"


def comment(text: str) -> str:
    """`text` as a comment of C or of a makefile may hold it, in one line: printable ASCII, points for others."""
    plain = "".join(c if " " <= c <= "~" and c not in "\\?$#" else "." for c in text)
    return plain.replace("*/", "* /").replace("/*", "/ *")
