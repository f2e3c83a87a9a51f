"""A place in a model's file: what a message names, whatever the format."""

from __future__ import annotations

from typing import Protocol

from msf_riot.errors import UnsupportedModelError


class Place(Protocol):
    """One operator of the file, such as an ONNX node: the readers hand it on, and whatever refuses it asks it how."""

    @property
    def name(self) -> str:
        """The operator's name in the file; the names of the Graph's operators come from it."""

    @property
    def operator(self) -> str:
        """Its kind, as the format calls it."""

    @property
    def result(self) -> str:
        """The name of the tensor that it gives."""

    def unsupported(self, reason: str) -> UnsupportedModelError:
        """The error that names this place and says in one line why it cannot be run."""
