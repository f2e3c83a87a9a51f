"""C identifiers for models, operators and tensors."""

from __future__ import annotations

import re

from msf_riot.ir import Operator
from msf_riot.stage import Network


def identifier(name: str) -> str:
    """Any text as part of a C identifier, lower case."""
    cleaned = re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_")
    return cleaned or "model"


def snake(operator: Operator) -> str:
    """The operator's type in snake case: DepthwiseConv2D -> depthwise_conv2d."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(operator).__name__).lower()


def operator_name(network: Network, index: int) -> str:
    """Names operator `index` in the generated code, unique within the model."""
    return f"{snake(network.operators[index])}_{index}"


def tensor_name(network: Network, tensor: str) -> str:
    """Names a tensor after the operator that makes it."""
    producer = network.producer[tensor]
    return "input" if producer < 0 else operator_name(network, producer)
