"""What pyproject.toml cannot say: a wheel with compiled kernels is of one platform, and type checkers see an
editable installation."""

from __future__ import annotations

from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

ROOT = Path(__file__).resolve().parent
PACKAGE = "persistent_topk"
PREBUILT = ROOT / "cuda" / "prebuilt"
EDITABLE = ROOT / ".editable"  # a folder on the path, in which the tree has the package's name


class MaybeCompiled(Distribution):
    """A distribution that is of this platform where kernels have been compiled into the tree, as docs/gpu.md
    describes."""

    def has_ext_modules(self) -> bool:
        return any(PREBUILT.glob("*.so"))


class Modules(build_py):
    """The root is the package, and this file, which lies in it, is no module of it."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        found: list[tuple[str, str, str]] = super().find_package_modules(package, package_dir)
        return [module for module in found if module[:2] != (PACKAGE, Path(__file__).stem)]


class Wheel(bdist_wheel):
    """Compiled kernels are loaded by ctypes: any Python 3 will do."""

    def get_tag(self) -> tuple[str, str, str]:
        python, abi, platform = super().get_tag()
        return (python, abi, platform) if self.root_is_pure else ("py3", "none", platform)


class Editable(editable_wheel):
    """Puts a folder with a link to the tree on the path. The root is the package, and for such a layout
    setuptools takes a finder that runs at import, where no type checker looks."""

    def finalize_options(self) -> None:
        super().finalize_options()
        link = EDITABLE / PACKAGE
        try:
            EDITABLE.mkdir(exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(ROOT, target_is_directory=True)
        except OSError:  # Windows lets not everybody make links: the finder remains
            return
        self.package_dir = {"": EDITABLE.name}


setup(
    distclass=MaybeCompiled,
    cmdclass={"build_py": Modules, "bdist_wheel": Wheel, "editable_wheel": Editable},
)
