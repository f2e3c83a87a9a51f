"""Passes: Graph in, Graph out that computes the same bytes for every input, and a report of what was gained."""

from msf_riot.passes.constant_channels import FoldedOperator, Report, fold_constant_channels

__all__ = ["FoldedOperator", "Report", "fold_constant_channels"]
