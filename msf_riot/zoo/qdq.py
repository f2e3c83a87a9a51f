"""Writes a calibrated network as an int8 QDQ ONNX model.

Takes a Network and its Calibration, gives the ModelProto: QuantizeLinear and DequantizeLinear around every
activation, DequantizeLinear on weights (per output channel) and int32 biases, named as onnxruntime.quantization does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from msf_riot.zoo.calibration import (
    IR_VERSION,
    OPSET,
    Calibration,
    Encoding,
    Parameters,
    constant_shape,
    node_attributes,
    node_inputs,
)
from msf_riot.zoo.structure import INPUT, Layer, Network, Shape

OUTPUT = "output"


class _Writer:
    """The nodes and initializers written so far; `unsigned` models hold uint8 activations."""

    def __init__(self, unsigned: bool) -> None:
        self.unsigned = unsigned
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=f"{output}_{operator}", **attributes))
        return output

    def constant(self, name: str, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def encoding(self, name: str, encoding: Encoding) -> list[str]:
        zero = np.uint8(encoding.zero_point + 128) if self.unsigned else np.int8(encoding.zero_point)
        scale = self.constant(f"{name}_scale", np.asarray(np.float32(encoding.scale)))
        return [scale, self.constant(f"{name}_zero_point", np.asarray(zero))]

    def weights(self, layer: Layer, parameters: Parameters, input_scale: float) -> list[str]:
        """DequantizeLinear of weights and bias; their outputs' names."""
        weight, bias = f"{layer.name}.weight", f"{layer.name}.bias"
        channels = layer.weights[0]
        bias_scale = np.float32(input_scale) * parameters.scale
        arrays = (
            (weight, parameters.weights, parameters.scale, np.zeros(channels, np.int8), ""),
            (bias, parameters.bias, bias_scale, np.zeros(channels, np.int32), "_quantized"),
        )
        return [
            self.node(
                "DequantizeLinear",
                [
                    self.constant(f"{name}_quantized", quantized),
                    self.constant(f"{name}{infix}_scale", scale),
                    self.constant(f"{name}{infix}_zero_point", zero),
                ],
                f"{name}_DequantizeLinear_Output",
                axis=0,
            )
            for name, quantized, scale, zero, infix in arrays
        ]

    def operand(self, layer: Layer, parameters: Parameters) -> str:
        """DequantizeLinear of the constant operand of an Add or Mul."""
        name = f"{layer.name}.constant"
        zero, quantized = np.asarray(np.int8(0)), parameters.weights.reshape(constant_shape(layer))
        inputs = [
            self.constant(f"{name}_quantized", quantized),
            self.constant(f"{name}_scale", parameters.scale.reshape(())),
            self.constant(f"{name}_zero_point", zero),
        ]
        return self.node("DequantizeLinear", inputs, f"{name}_DequantizeLinear_Output")

    def extra_inputs(self, layer: Layer) -> list[str]:
        return [
            self.constant(f"{layer.name}.{suffix}", np.asarray(array)) if suffix else ""
            for suffix, array in node_inputs(layer).items()
        ]

    def activation(self, layer: Layer, x: str) -> str:
        match layer.activation:
            case "Relu":
                return self.node("Relu", [x], f"{layer.name}_relu")
            case "Clip":
                low = self.constant(f"{layer.name}.min", np.asarray(np.float32(0)))
                high = self.constant(f"{layer.name}.max", np.asarray(np.float32(6)))
                return self.node("Clip", [x, low, high], f"{layer.name}_clip")
            case None:
                return x


def _element_type(network: Network) -> int:
    return {"float32": TensorProto.FLOAT, "int8": TensorProto.INT8, "uint8": TensorProto.UINT8}[network.interface]


def _channels_last(shape: Shape) -> Shape:
    return (*shape[1:], shape[0])


def _write_input(writer: _Writer, network: Network, encoding: list[str]) -> str:
    """From the file's input to the first DequantizeLinear's output."""
    x = INPUT
    if network.channels_last:
        x = writer.node("Transpose", [x], f"{INPUT}_nchw", perm=[0, len(network.shape), *range(1, len(network.shape))])
    if network.interface == "float32":
        x = writer.node("QuantizeLinear", [x, *encoding], f"{INPUT}_QuantizeLinear_Output")
    return writer.node("DequantizeLinear", [x, *encoding], f"{INPUT}_DequantizeLinear_Output")


def write(network: Network, calibration: Calibration) -> onnx.ModelProto:
    """The model; batch 1, NCHW (or NHWC with a Transpose at once where the network says so)."""
    writer = _Writer(unsigned=network.interface == "uint8")
    whole = network.interface == "float32"
    dequantized = {INPUT: _write_input(writer, network, writer.encoding(INPUT, calibration.encodings[INPUT]))}
    last = network.layers[-1]
    for layer in network.layers:
        inputs = [dequantized[name] for name in layer.inputs]
        if layer.weights:
            scale = calibration.encodings[layer.inputs[0]].scale
            inputs += writer.weights(layer, calibration.parameters[layer.name], scale)
        elif layer.constant:
            inputs.append(writer.operand(layer, calibration.parameters[layer.name]))
        x = writer.node(layer.operator, [*inputs, *writer.extra_inputs(layer)], layer.name, **node_attributes(layer))
        x = writer.activation(layer, x)
        encoding = writer.encoding(layer.name, calibration.encodings[layer.name])
        quantized = OUTPUT if layer is last and not whole else f"{layer.name}_QuantizeLinear_Output"
        writer.node("QuantizeLinear", [x, *encoding], quantized)
        if layer is not last or whole:
            result = OUTPUT if layer is last else f"{layer.name}_DequantizeLinear_Output"
            dequantized[layer.name] = writer.node("DequantizeLinear", [quantized, *encoding], result)
    input_shape = _channels_last(network.shape) if network.channels_last else network.shape
    graph = helper.make_graph(
        writer.nodes,
        network.name,
        [helper.make_tensor_value_info(INPUT, _element_type(network), [1, *input_shape])],
        [helper.make_tensor_value_info(OUTPUT, _element_type(network), [1, *last.shape])],
        writer.initializers,
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="msf-riot zoo",
        doc_string=network.description,
    )
