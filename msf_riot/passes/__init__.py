"""Passes: Graph in, Graph out: without channels that never change, or for the bytes of a camera."""

from msf_riot.passes.constant_channels import FoldedOperator, Report, fold_constant_channels
from msf_riot.passes.pixels import with_pixels

__all__ = ["FoldedOperator", "Report", "fold_constant_channels", "with_pixels"]
