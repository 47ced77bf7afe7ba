"""The kernel in the layout of Hugging Face's kernels: build.toml, a torch extension, and the same sources.

python -m persistent_topk.tools.hub build/hub     writes the folder, which kernel-builder builds

The operator is `topk_out` for float32 logits: an extension is one library, and each dtype has one of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import click
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..commands import cli
from ..cuda.build import CUDA_DIR, HOST_DIR, INSTANCE_SOURCE, LAUNCH_SOURCE, kernel_headers
from ..exit_code import ExitCode
from ..reference.policy import POLICIES

LAYOUT = CUDA_DIR.parent / "packaging" / "hub"
TEMPLATE = "hub.toml.jinja2"
CAPABILITIES = ("8.0", "9.0", "10.0", "12.0")  # sm_80 and newer
# kernel-builder compiles a file once. The kernels of a policy need its macros, so a policy has a file.
INCLUDED = INSTANCE_SOURCE.with_suffix(".cuh").name
POLICY = f"""#define PERSISTENT_TOPK_POLICY {{index}}
#define PERSISTENT_TOPK_LOGITS float
#include "{INCLUDED}"
"""


def write_sources(folder: Path) -> Iterator[Path]:
    """Writes the kernel's sources beside those in folder/cuda, and returns the paths of all in the folder."""
    yield from (path.relative_to(folder) for path in (folder / "cuda").iterdir())
    for source in (*kernel_headers(), LAUNCH_SOURCE, INSTANCE_SOURCE):
        copy = folder / "cuda" / source.relative_to(CUDA_DIR)
        copy = copy.with_name(INCLUDED) if source == INSTANCE_SOURCE else copy
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
        yield copy.relative_to(folder)
    for index, name in enumerate(POLICIES):
        file = folder / "cuda" / HOST_DIR.name / f"policy_{name}.cu"
        file.write_text(POLICY.format(index=index))
        yield file.relative_to(folder)


def write_layout(folder: Path) -> Path:
    """Fills `folder`, which is emptied first, and returns the path of its build.toml."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(LAYOUT, folder)
    shutil.copy(CUDA_DIR.parent / "LICENSE", folder)
    sources = sorted(path.as_posix() for path in write_sources(folder))
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).resolve().parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    build = folder / "build.toml"
    build.write_text(environment.get_template(TEMPLATE).render(capabilities=CAPABILITIES, sources=sources))
    return build


@click.command("hub")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def command(folder: Path) -> int:
    """Writes the kernel to FOLDER in the layout that Hugging Face's kernel-builder builds."""
    click.echo(write_layout(folder))
    return ExitCode.AGREE


if __name__ == "__main__":
    cli.run(command, "python -m persistent_topk.tools.hub")
