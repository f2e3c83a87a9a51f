"""Runs a network of the zoo in ONNX Runtime on images that calibration has not seen."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime

from msf_riot import zoo
from msf_riot.zoo.calibration import images, random_generator
from msf_riot.zoo.networks import NETWORKS
from msf_riot.zoo.structure import Network


def unseen_images(name: str, count: int) -> np.ndarray:
    """int8 [count, C, H, W] (or without H, W), as the network's first quantized tensor."""
    return images(NETWORKS[name]().shape, count, random_generator("not the calibration images"))


def file_input(network: Network, q: np.ndarray) -> np.ndarray:
    """One int8 image -> what the model's file takes."""
    x = q[None]
    if network.channels_last:
        x = np.moveaxis(x, 1, -1)
    match network.interface:
        case "float32":
            return np.ascontiguousarray(x.astype(np.float32) / 128)
        case "uint8":
            return np.ascontiguousarray((x.astype(np.int16) + 128).astype(np.uint8))
        case _:
            return np.ascontiguousarray(x)


def quantized_tensors(name: str, count: int = 4) -> dict[str, np.ndarray]:
    """Every quantized activation, as int8 [count, ...], for images that calibration has not seen."""
    model, network = zoo.build(name), NETWORKS[name]()
    wanted = [node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    for tensor in wanted:
        if tensor not in {output.name for output in model.graph.output}:
            model.graph.output.append(onnx.ValueInfoProto(name=tensor))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    runs = [session.run(wanted, {"input": file_input(network, q)}) for q in unseen_images(name, count)]
    stacked = {tensor: np.concatenate(arrays) for tensor, arrays in zip(wanted, zip(*runs, strict=True), strict=True)}
    return {
        tensor: (a.astype(np.int16) - 128).astype(np.int8) if a.dtype == np.uint8 else a
        for tensor, a in stacked.items()
    }
