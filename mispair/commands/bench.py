"""`mispair bench`: the experiments of the paper, on data that is already here."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mispair.commands.options import ConfigOption, NoTtyOption
from mispair.commands.run_settings import read_settings
from mispair.errors import MispairError
from mispair.progress import open_progress

if TYPE_CHECKING:
    from crcl_core.encoders import Encoder
    from crcl_core.paper import PaperResult

RESULT_FILE = "result.json"

bench = typer.Typer(no_args_is_help=True)


class BenchError(MispairError):
    """The data, the settings or the output folder are not what the experiment needs."""

    exit_code = 2


# The names of crcl_core.paper, which only a running command may import.
class Dataset(StrEnum):
    """Data sets."""

    F30K = "f30k"
    COCO = "coco"
    CC152K = "cc152k"


class Model(StrEnum):
    """Rows of the paper's table."""

    VSE_INFTY = "vse_infty"
    SAF = "saf"
    SGR = "sgr"
    SGRAF = "sgraf"
    HEADS = "heads"


@bench.callback()
def group() -> None:
    """Repeat experiments of the paper."""


@bench.command()
def paper(
    *,
    data: Annotated[
        Path,
        typer.Option(
            metavar="DIR", exists=True, file_okay=False, help="Holds the data set's folder, such as f30k_precomp."
        ),
    ],
    dataset: Annotated[Dataset, typer.Option(help="The data set.")],
    model: Annotated[Model, typer.Option(help="The model; sgraf is the mean of a SAF and an SGR.")],
    noise: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of the training captions that exchange their images. Default: 0."),
    ] = None,
    noise_seed: Annotated[int, typer.Option(min=0, help="Seed of that exchange.")] = 1234,
    noise_index: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, dir_okay=False, help="The exchange as NCR, CRCL or DECL saved it, instead."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Checkpoints and results; an interrupted run goes on from there. Default: below mispair-paper.",
        ),
    ] = None,
    config: ConfigOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another value than the paper's; may be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the training.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu",
    threads: Annotated[int, typer.Option(min=0, help="Threads on the processor; 0 leaves it to PyTorch.")] = 0,
    caption_encoder: Annotated[
        str, typer.Option(metavar="SPEC", help="For heads: offline, toy, or open_clip:MODEL@TAG_OR_FILE.")
    ] = "offline",
    no_tty: NoTtyOption = False,
) -> None:
    """Train with the paper's settings and print its table's row; the last line is the result as JSON.

    Nothing is downloaded: docs/paper.md says where the data sets are to be had and where their files go.
    """
    from crcl_core.paper import PaperDataset, PaperModel, PaperRun, load_settings, run_paper

    changes = read_settings(config, settings)
    folder = out or Path("mispair-paper", _run_name(dataset, model, noise, noise_index, seed))
    _prepare_torch(device, threads)
    with _in_words():
        result = run_paper(
            PaperRun(
                dataset=PaperDataset(dataset.value),
                model=PaperModel(model.value),
                data=data,
                out=folder,
                settings=load_settings(PaperDataset(dataset.value), PaperModel(model.value)).changed_to(changes),
                noise_ratio=noise,
                noise_seed=noise_seed,
                noise_index=noise_index,
                seed=seed,
                device=device,
                load_caption_encoder=lambda: _caption_encoder(caption_encoder, folder / "encoder", device, threads),
            ),
            open_progress(no_tty=no_tty),
        )
    _print_result(result, folder)


def _run_name(dataset: Dataset, model: Model, noise: float | None, noise_index: Path | None, seed: int) -> str:
    of_noise = noise_index.stem if noise_index is not None else f"{noise or 0:g}"
    return f"{dataset.value}-{model.value}-{of_noise}-s{seed}"


def _prepare_torch(device: str, threads: int) -> None:
    import structlog
    import torch

    kind, _, number = device.partition(":")
    if kind not in {"cpu", "cuda"} or (number and (kind == "cpu" or not number.isdecimal())):
        raise BenchError(f"device is {device!r}, expected cpu, cuda or cuda:N")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise BenchError(f"device is {device!r}, and this machine has {torch.cuda.device_count()} usable by PyTorch")
    if threads:
        torch.set_num_threads(threads)
    if not structlog.is_configured():
        # The library's warnings; structlog's own choice would be stdout, which belongs to the result.
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def _caption_encoder(spec: str, cache: Path, device: str, threads: int) -> "Encoder":
    from crcl_core.encoders import load_encoder

    return load_encoder("captions", {"captions": spec}, cache_dir=cache, device=device, threads=threads)


@contextmanager
def _in_words() -> Iterator[None]:
    """Says what is wrong with data, settings and folders as errors of the command."""
    from crcl_core.types import CheckpointError, CrclError, DivergedError

    try:
        yield
    except DivergedError as error:
        raise MispairError(str(error)) from error
    except CheckpointError as error:
        raise BenchError(f"{error}; --out takes another folder") from error
    except (ValueError, FileNotFoundError, CrclError) as error:
        raise BenchError(str(error)) from error


def _print_result(result: "PaperResult", folder: Path) -> None:
    from crcl_core.paper import markdown_lines

    as_json = json.dumps({**result.to_json(), "out": str(folder)})
    (folder / RESULT_FILE).write_text(f"{as_json}\n", encoding="utf-8")
    for line in markdown_lines(result):
        typer.echo(line)
    typer.echo(as_json)
