"""How far the importer and the reference are from ONNX Runtime: the table in docs/agreement.md.

    ./with-env python benchmarks/agreement.py [MODEL ...]

Takes the zoo and the models of ../shared/models (the float one quantized first), or those that are named; each
operator runs alone on ONNX Runtime's own int8 inputs. Without names the table is written, with names it is printed.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from msf_riot import zoo
from msf_riot.agreement import agreement, from_int8
from msf_riot.importer import import_model
from msf_riot.importer.onnx.quantize import quantize_model
from msf_riot.zoo.calibration import images, random_generator

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "models"
TABLE = ROOT / "docs" / "agreement.md"
INPUTS = 4

POOL = "0.4 % of the elements of such a pool in a small trained network"
HEAD = f"""# Agreement with ONNX Runtime

Written by `./with-env python benchmarks/agreement.py`. Every operator of every model was executed alone by
`msf_riot.reference` on the int8 inputs that ONNX Runtime computed for it ({INPUTS} seeded images a model), and its
output compared with ONNX Runtime's, element by element. An operator is compared where its inputs and output are
tensors of the ONNX file; those that the importer makes up (a change of scale before a Concat) are not, and the
column *operators* counts them. *lowest operator* is the operator with the smallest share of equal elements.

What differs, differs by one, where the exact result lies on a half or next to one. Sums give ONNX Runtime's byte for
every pair of inputs (`importer/sums.py`), and exact halves of pools, means and products go to the even integer, as in
ONNX Runtime. What is left are convolutions within 3e-5 of a half, where ONNX Runtime's float32 arithmetic decides, and
two operators that ONNX Runtime computes in float32 from values that are no exact numbers there: average pools that keep
their scale (every fourth sum of 2 x 2 is an exact half, and for scales of many significant bits the float32 sum of four
products falls to either side of it: {POOL}) and linear resizing.

This table says nothing of whole networks. Deep networks with random weights amplify a single different rounding: over
12 images the logits of mcunet-vww1 in ONNX Runtime with its optimizations differ by up to 13 steps of 255 from those
without, and those of the reference by up to 16 from the latter; of resnet8 by 1 and 2, of tiny-vww by 0 and 0.

| model | operators | elements | largest difference | equal | lowest operator |
| --- | ---: | ---: | ---: | ---: | --- |
"""


@dataclass(frozen=True)
class Row:
    model: str
    compared: int
    operators: int
    elements: int
    largest: int
    equal: float
    lowest: str

    def markdown(self) -> str:
        return (
            f"| {self.model} | {self.compared} of {self.operators} | {self.elements:,} | {self.largest} "
            f"| {self.equal:.4%} | {self.lowest} |\n"
        )


def measure(label: str, path: Path) -> Row:
    graph = import_model(path)
    source = graph.tensor(graph.input)
    batch = images((source.channels, source.height, source.width), INPUTS, random_generator("agreement"))
    given = [from_int8(np.ascontiguousarray(np.moveaxis(image, 0, -1)), source) for image in batch]
    found = agreement(path, graph, given)
    elements = sum(each.elements for each in found)
    lowest = min(found, key=lambda each: each.equal_fraction)
    return Row(
        label,
        len(found),
        len(graph.operators),
        elements,
        max(each.max_abs_diff for each in found),
        sum(each.equal_fraction * each.elements for each in found) / elements,
        f"{lowest.kind} {lowest.equal_fraction:.3%}" if lowest.equal_fraction < 1 else "",
    )


def quantized(model: Path, folder: Path) -> Path:
    """The float model of shared/models, quantized with images of the zoo (its input is pixel / 255, H, W, C)."""
    batch = images((3, 96, 96), 32, random_generator("quantized"))
    np.savez(folder / "calibration.npz", (np.moveaxis(batch, 1, -1).astype(np.float32) + 128) / 255)
    output = folder / f"{model.stem}_quantized.onnx"
    quantize_model(model, folder / "calibration.npz", output)
    return output


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        models = sys.argv[1:] or [zoo.PREFIX + name for name in zoo.names()] + [
            str(quantized(path, Path(folder)) if path.stem.endswith("_float") else path)
            for path in sorted(SHARED.glob("*.onnx"))
        ]
        lines = []
        for model in models:
            lines.append(measure(model if model.startswith(zoo.PREFIX) else Path(model).stem, zoo.resolve(model)))
            print(lines[-1].markdown(), end="", flush=True)
    if not sys.argv[1:]:
        TABLE.write_text(HEAD + "".join(line.markdown() for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
