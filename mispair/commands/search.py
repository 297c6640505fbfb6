"""`mispair search`: ask a run's trained model for images or captions."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mispair.answers import Hit
from mispair.commands.options import (
    DataOption,
    FdrOption,
    NoTtyOption,
    ThresholdOption,
    UrlOption,
    check_cut,
    open_client,
)
from mispair.commands.report import shorten
from mispair.tables import print_table


class Wanted(StrEnum):
    """What a search finds."""

    IMAGES = "images"
    CAPTIONS = "captions"


class FlaggedPairs(StrEnum):
    """Whether flagged pairs take part."""

    ANY = "any"
    ONLY = "only"
    EXCLUDE = "exclude"


def search(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID")],
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="What to look for.")] = None,
    *,
    image: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="Look for what is like this image."),
    ] = None,
    returns: Annotated[
        Wanted | None, typer.Option(help="What to find. Default: images for a text, captions for an image.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="At most so many hits.")] = 10,
    min_correspondence: Annotated[
        float | None, typer.Option(min=0, max=1, help="Only pairs at least as sure as this.")
    ] = None,
    flagged: Annotated[FlaggedPairs, typer.Option(help="Whether flagged pairs take part.")] = FlaggedPairs.ANY,
    threshold: ThresholdOption = None,
    fdr: FdrOption = None,
    data: DataOption = None,
    url: UrlOption = None,
    no_tty: NoTtyOption = False,
) -> None:
    """Search the corpus of a finished run by text or by image."""
    if (text is None) == (image is None):
        raise typer.BadParameter("give either a text or --image FILE")
    check_cut(threshold, fdr)
    if returns is None:
        returns = Wanted.IMAGES if image is None else Wanted.CAPTIONS
    with open_client(data, url) as client:
        answer = client.search(
            run_id,
            text=text,
            image=image,
            returns=returns.value,
            k=k,
            min_correspondence=min_correspondence,
            flagged=flagged.value,
            threshold=threshold,
            fdr=fdr,
        )
    rows = (cells for number, hit in enumerate(answer.items, start=1) for cells in _rows(number, hit))
    print_table(("hit", "score", "correspondence", "flag", "image", "caption"), rows, no_tty=no_tty)


def _rows(number: int, hit: Hit) -> Iterator[tuple[object, ...]]:
    """One line a pair of the hit; number and score only on the first."""
    head: tuple[object, object] = (number, f"{hit.score:.3f}")
    for pair in (*hit.captions, *hit.pairs):
        image = hit.image.source_path if hit.image is not None else pair.source_path
        caption = pair.caption if pair.caption is not None else hit.caption
        flag = "mismatch" if pair.is_mismatch else ""
        yield (*head, f"{pair.correspondence:.3f}", flag, image, shorten(caption or ""))
        head = (None, None)
