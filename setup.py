"""Wheels hold as msf_riot/data/ what a checkout has beside msf_riot/ (msf_riot/places.py). The rest: pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

DATA = ("boards.yaml", "riot_pkg", "apps", "sim")


class BuildWithData(build_py):
    """Copies DATA into the wheel; an editable install finds it in the checkout."""

    def run(self):
        """Copies sources only, none of what has been built beside them."""
        super().run()
        if self.editable_mode:
            return
        built = Path(self.build_lib) / "msf_riot" / "data"
        shutil.rmtree(built, ignore_errors=True)
        built.mkdir(parents=True)
        for name in DATA:
            if Path(name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "bin", "build", "generated", ".*")
                shutil.copytree(name, built / name, ignore=ignored)
            else:
                shutil.copy(name, built / name)


setup(cmdclass={"build_py": BuildWithData})
