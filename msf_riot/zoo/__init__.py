"""Networks of the literature as int8 QDQ ONNX files with seeded weights, named `zoo:NAME` wherever a model is named.

Takes a name, gives the model or its file in the user's cache; the layer tables are in networks.json and networks.py.
"""

from __future__ import annotations

import difflib
import hashlib
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from msf_riot.errors import ModelError
from msf_riot.zoo.networks import NETWORKS
from msf_riot.zoo.structure import Network

if TYPE_CHECKING:
    import onnx

PREFIX = "zoo:"


@dataclass(frozen=True)
class Summary:
    """One row of `msf-riot zoo`."""

    name: str
    description: str
    macs: int
    parameters: int
    largest_tensor: int
    """Bytes of the largest int8 activation."""


def names() -> tuple[str, ...]:
    """Every network of the zoo, without the prefix."""
    return tuple(NETWORKS)


def _network(name: str) -> Network:
    if name not in NETWORKS:
        near = difflib.get_close_matches(name, NETWORKS, n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}?" if near else "`msf-riot zoo` lists them"
        raise ModelError(f"the zoo has no network '{name}'; {hint}")
    return NETWORKS[name]()


def summary(name: str) -> Summary:
    """MACs, parameters and largest tensor, from the structure alone (no weights are built). Unknown: ModelError."""
    network = _network(name)
    return Summary(name, network.description, network.macs, network.parameters, network.largest_tensor)


def summaries() -> tuple[Summary, ...]:
    """A row for each network."""
    return tuple(summary(name) for name in names())


def build(name: str) -> onnx.ModelProto:
    """The int8 model; the same bytes every time. Raises ModelError for an unknown name."""
    from msf_riot.zoo.calibration import calibrate
    from msf_riot.zoo.qdq import write

    network = _network(name)
    return write(network, calibrate(network))


@cache
def _version() -> str:
    """Changes with the code and data of the zoo and with the libraries that its numbers come from."""
    libraries = " ".join(metadata.version(name) for name in ("numpy", "onnx", "onnxruntime"))
    digest = hashlib.sha256(libraries.encode())
    for source in sorted(resources.files(__name__).iterdir(), key=lambda entry: entry.name):
        if source.name.endswith((".py", ".json")):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def resolve(model: str) -> Path:
    """Path of a model: "zoo:NAME" is built into the user's cache unless it is there; anything else is a path already.

    Raises ModelError for an unknown zoo name or a cache that cannot be written.
    """
    if not model.startswith(PREFIX):
        return Path(model)
    name = model.removeprefix(PREFIX)
    _network(name)
    path = platformdirs.user_cache_path("msf-riot") / "zoo" / _version() / f"{name}.onnx"
    if path.is_file():
        return path
    content = build(name).SerializeToString(deterministic=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{name}.") as folder:
            partial = Path(folder) / path.name
            partial.write_bytes(content)
            partial.replace(path)
    except OSError as error:
        raise ModelError(
            f"cannot write {path}: {error.strerror}; XDG_CACHE_HOME names another folder for the cache"
        ) from error
    return path
