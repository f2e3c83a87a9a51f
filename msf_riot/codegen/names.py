"""Names of generated packages, headers, macros and symbols, which can meet no other name by construction.

A model's names begin with PREFIX, as no name of the runtime does. After its identifier follow words the first of which
is one of HEADS, and none of the others is. So where a name ends in such words there is one way only to tell them from
the identifier: two models whose identifiers differ share no name, whatever they are called.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from msf_riot.errors import MsfError
from msf_riot.ir import Operator
from msf_riot.stage import Network

PREFIX = "msf_model_"
"""Begins the package and every symbol of every model, in upper case every macro; nothing of riot_pkg/ begins so."""

LONGEST = 64
"""Characters of an identifier: C99 wants 63 of a name to count, make and file systems some more."""

HEADS = frozenset(
    ("arena", "code", "constant", "input", "invoke", "labels", "network", "op", "output", "stack", "stage")
)


def identifier(name: str) -> str:
    """Any text as lower-case words of ASCII letters and digits with single underscores between.

    Accents are dropped; letters that ASCII has nothing for become their code point, as in u6f22. A text without letter
    and digit is spelt so altogether. What is longer than LONGEST ends in a digest of the whole instead.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    words = "".join(c if c.isascii() else f"_u{ord(c):x}_" if c.isalnum() else "_" for c in plain)
    cleaned = re.sub(r"[^0-9a-z]+", "_", words.lower()).strip("_") or "_".join(f"u{ord(c):x}" for c in name)
    if len(cleaned) <= LONGEST:
        return cleaned or "u"
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{cleaned[: LONGEST - 9].rstrip('_')}_{digest}"


def checked_name(name: str) -> str:
    """A name that a user has chosen for a model. Raises MsfError where it is not an identifier already."""
    if name != identifier(name):
        raise MsfError(
            f"'{name}' is no name for a model: write lower-case letters and digits, words of them with single "
            f"underscores between, at most {LONGEST} characters, such as '{identifier(name)}'"
        )
    return name


@dataclass(frozen=True)
class Names:
    """The names of one model; `identifier` is what tells it from others."""

    identifier: str

    @classmethod
    def of(cls, model: str) -> Names:
        """Those of the model that a Graph calls `model`."""
        return cls(identifier(model))

    @property
    def package(self) -> str:
        """The RIOT package, its folder, and its header without .h."""
        return PREFIX + self.identifier

    def symbol(self, head: str, *rest: object) -> str:
        """A function or object, as in msf_model_vww_invoke; `head` is one of HEADS."""
        words = [head, *"_".join(map(str, rest)).split("_")] if rest else [head]
        if head not in HEADS or not HEADS.isdisjoint(words[1:]):
            raise AssertionError(f"{'_'.join(words)} would not tell where the model's identifier ends")
        return "_".join([self.package, *words])

    def macro(self, head: str, *rest: object) -> str:
        """A macro, as in MSF_MODEL_VWW_ARENA_BYTES; `head` and `rest` in lower case."""
        return self.symbol(head, *rest).upper()


def snake(operator: Operator) -> str:
    """The operator's type in snake case: DepthwiseConv2D -> depthwise_conv2d."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(operator).__name__).lower()


def operator_name(network: Network, index: int) -> str:
    """Names operator `index` in the generated code, unique within the model."""
    return f"{snake(network.operators[index])}_{index}"


def tensor_name(network: Network, tensor: str) -> str:
    """Names a tensor after the operator that makes it."""
    producer = network.producer[tensor]
    if producer >= 0:
        return operator_name(network, producer)
    inputs = network.graph.inputs
    return "input" if len(inputs) == 1 else f"input_{inputs.index(tensor)}"
