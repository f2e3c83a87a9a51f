"""What a user can get wrong. Each error is one line that says what happened and what to do about it.

The command line and SConstruct catch `MsfError`, print it and exit with its `exit_status`; anything else that
escapes is a defect of this project.
"""

from __future__ import annotations


class MsfError(Exception):
    """Base of every error whose cause is outside this project."""

    exit_status = 2


class ModelError(MsfError):
    """The model's file cannot be read: absent, truncated, of no known format, or hostile."""


class UnsupportedModelError(ModelError):
    """The file is valid, but holds something this project does not run; names the node and the operator."""

    def __init__(self, node: str, operator: str, reason: str) -> None:
        super().__init__(f"node '{node}' ({operator}): {reason}")
        self.node = node
        self.operator = operator
        self.reason = reason


class FloatModelError(ModelError):
    """The model is not quantized; the message holds the command that quantizes it."""


class CalibrationError(MsfError):
    """Calibration or input data is absent or does not suit the model."""


class PlanError(MsfError):
    """A plan file is broken, is for another model, or does not cut this model into stages."""


class DoesNotFitError(MsfError):
    """No plan within the limits, or a build that exceeds the board's RAM or flash; holds both numbers."""


class BoardError(MsfError):
    """Unknown board, broken boards.yaml, missing toolchain, emulator or RIOT."""


class BuildError(MsfError):
    """A compiler or make failed; the message holds the log's path and its last lines."""

    exit_status = 3


class RunError(MsfError):
    """A board did not answer, answered nonsense, or stopped answering."""

    exit_status = 4


class MismatchError(MsfError):
    """The outputs of the device differ from those of the reference."""

    exit_status = 5


class LabError(MsfError):
    """A testbed's or a matrix's file is wrong, a board is in use or absent, a run or its journal cannot go on."""
