"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from mispair.client import Client

DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Data folder of the server. Default: MISPAIR_DATA, else mispair-data."),
]
UrlOption = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="Server address. Default: MISPAIR_URL, else client.toml in --data."),
]
NoTtyOption = Annotated[bool, typer.Option("--no-tty", help="Plain lines instead of bars and drawn tables.")]
ThresholdOption = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Correspondence below it counts as a mismatch. Default: the run's."),
]
FdrOption = Annotated[
    float | None,
    typer.Option(
        "--fdr",
        min=0,
        max=1,
        help="Instead of --threshold: flag the most at which this share of the flagged is expected to be wrong.",
    ),
]
CorpusArgument = Annotated[
    Path,
    typer.Argument(
        metavar="PATH",
        exists=True,
        readable=True,
        help="A zip, tar, tar.gz, tar.zst or parquet file, or a folder of images and captions.",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", exists=True, dir_okay=False, help="Run settings, JSON or TOML."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="One run setting, such as seed=7 or model=vse_infty; may be repeated."
    ),
]
CorpusFormatOption = Annotated[
    str | None,
    typer.Option("--corpus-format", metavar="NAME", help="Such as coco or webdataset. Default: told from the content."),
]
ConfirmOption = Annotated[
    bool, typer.Option("--confirm-warnings", help="Start the run although the import warns, see `mispair check`.")
]


def check_cut(threshold: object, fdr: float | None) -> None:
    """Refuse a threshold beside a false discovery rate.

    Raises:
        typer.BadParameter: both are given.
    """
    if threshold is not None and fdr is not None:
        raise typer.BadParameter("a false discovery rate sets the threshold: give one of them", param_hint="--fdr")


def open_client(data: Path | None, url: str | None) -> Client:
    """The client of the server that these options name."""
    return Client(url=url, data=data)
