"""`mispair checks`: what is wrong with the images and captions of a corpus, each taken alone."""

from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from mispair.checks import ChecksSummary
from mispair.client import Client
from mispair.commands.options import DataOption, NoTtyOption, UrlOption, open_client
from mispair.tables import print_table, printable


class CheckedKind(StrEnum):
    """What was checked."""

    IMAGES = "images"
    CAPTIONS = "captions"


def checks(
    corpus_id: Annotated[str, typer.Argument(metavar="CORPUS_ID")],
    *,
    images: Annotated[
        str | None, typer.Option("--images", metavar="ISSUE", help="List the images with this issue, such as blurry.")
    ] = None,
    captions: Annotated[
        str | None,
        typer.Option("--captions", metavar="ISSUE", help="List the captions with this issue, such as boilerplate."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", dir_okay=False, help="Save all scores as CSV; with --of."),
    ] = None,
    of: Annotated[CheckedKind, typer.Option("--of", help="Whose scores to save.")] = CheckedKind.IMAGES,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="List scores below it. Default: the issue's own.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows of a list.")] = 20,
    data: DataOption = None,
    url: UrlOption = None,
    no_tty: NoTtyOption = False,
) -> None:
    """Show what is wrong with a corpus beside mismatch: dark images, duplicates, other languages and so on.

    Without options: how many of what, after the corpus's first run.
    """
    if sum(option is not None for option in (images, captions, output)) > 1:
        raise typer.BadParameter("give one of them", param_hint="--images, --captions, -o")
    with open_client(data, url) as client:
        if output is not None:
            n_bytes = client.download_checks(corpus_id, output, of=of.value)
            typer.echo(f"{output}: {n_bytes} bytes")
        elif images is not None:
            _print_images(client, corpus_id, images, threshold, limit, no_tty=no_tty)
        elif captions is not None:
            _print_captions(client, corpus_id, captions, threshold, limit, no_tty=no_tty)
        else:
            _print_summary(client.checks(corpus_id), no_tty=no_tty)


def _print_summary(summary: ChecksSummary, *, no_tty: bool) -> None:
    kinds = (("image", summary.n_images, summary.images), ("caption", summary.n_captions, summary.captions))
    print_table(
        ("of", "issue", "flagged", "share"),
        (
            (kind, count.issue, _n_flagged(count.n_flagged), _share(count.n_flagged, n_items))
            for kind, n_items, counts in kinds
            for count in counts
        ),
        no_tty=no_tty,
    )
    if summary.main_language is not None:
        typer.echo(
            f"main language {printable(summary.main_language)}; {summary.other_language_share:.1%} of the captions in "
            "others",
            err=True,
        )
    for warning in summary.warnings:
        typer.echo(f"warning: {printable(warning.detail)} ({printable(warning.code)})", err=True)


def _n_flagged(n_flagged: int | None) -> object:
    return "not checked" if n_flagged is None else n_flagged


def _share(n_flagged: int | None, n_items: int) -> str:
    return "" if n_flagged is None else f"{n_flagged / max(1, n_items):.1%}"


def _print_images(
    client: Client, corpus_id: str, issue: str, threshold: float | None, limit: int, *, no_tty: bool
) -> None:
    found = islice(client.checked_images(corpus_id, issue, threshold=threshold, page_size=limit), limit)
    print_table(
        ("score", "set", "width", "height", "image"),
        ((f"{one.score:.3f}", one.near_duplicate_set, one.width_px, one.height_px, one.source_path) for one in found),
        no_tty=no_tty,
    )


def _print_captions(
    client: Client, corpus_id: str, issue: str, threshold: float | None, limit: int, *, no_tty: bool
) -> None:
    found = islice(client.checked_captions(corpus_id, issue, threshold=threshold, page_size=limit), limit)
    print_table(
        ("score", "set", "language", "caption", "first pair"),
        ((f"{one.score:.3f}", one.near_duplicate_set, one.language, one.caption, one.pair_key) for one in found),
        no_tty=no_tty,
    )
