"""One file an operator, or a family of operators that share their reading.

To add an operator, add a file here with a function `reader(node, inputs, draft) -> Value` decorated with
`@reads("OnnxName")`. The function gets what each input stands for (`importer/values.py`; None where absent) and returns
a `Real` whose `quantize` emits operators of `ir.py`, or a constant, or the same data through another view. Nothing else
in the importer needs to change: files are found here, and QLinear forms are in `qlinear.py`, one line each.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
