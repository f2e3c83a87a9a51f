"""Schedule -> RIOT packages: the model's C sources and weights, and test vectors for it."""

from msf_riot.codegen.package import generate_package, generate_vectors, package_name

__all__ = ["generate_package", "generate_vectors", "package_name"]
