"""`mispair repairs`: what the corpus itself offers in place of flagged captions."""

from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from mispair.commands.options import DataOption, NoTtyOption, UrlOption, open_client
from mispair.commands.report import shorten
from mispair.repairs import Repair
from mispair.tables import print_table


class RepairKind(StrEnum):
    """How a repair moves captions."""

    REASSIGN = "reassign"
    SHIFT = "shift"
    SWAP = "swap"


def repairs(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", dir_okay=False, help="Save all pairs that change as CSV."),
    ] = None,
    kind: Annotated[RepairKind | None, typer.Option("--kind", help="Only repairs of this kind.")] = None,
    pair: Annotated[str | None, typer.Option("--pair", metavar="PAIR_ID", help="Only the repair of this pair.")] = None,
    min_after: Annotated[
        float | None, typer.Option(min=0, max=1, help="Only repairs at least as likely to be right.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows of the list.")] = 20,
    data: DataOption = None,
    url: UrlOption = None,
    no_tty: NoTtyOption = False,
) -> None:
    """Show what a run proposes in place of flagged captions, the largest gain first; or save all of it.

    A repair says how likely its pairs match before and after. Nothing is changed.
    """
    with open_client(data, url) as client:
        if output is not None:
            n_bytes = client.download_repairs(
                run_id, output, kind=None if kind is None else kind.value, pair_id=pair, min_after=min_after
            )
            typer.echo(f"{output}: {n_bytes} bytes")
            return
        found = client.repairs(
            run_id,
            kind=None if kind is None else kind.value,
            pair_id=pair,
            min_after=min_after,
            page_size=limit,
        )
        print_table(
            ("repair", "before", "after", "gain", "image", "proposed caption"),
            (_row(repair) for repair in islice(found, limit)),
            no_tty=no_tty,
        )


def _row(repair: Repair) -> tuple[object, ...]:
    numbers = (f"{repair.before:.3f}", f"{repair.after:.3f}", f"{repair.gain:.1f}")
    if repair.kind == "reassign" and repair.pairs:
        pair = repair.pairs[0]
        told = f"row {repair.first_row}: the caption of row {pair.proposed_row_number}"
        return (told, *numbers, pair.source_path, shorten(pair.proposed_caption))
    return (_told(repair), *numbers, "", "")


def _told(repair: Repair) -> str:
    rows = f"rows {repair.first_row}-{repair.last_row}"
    if repair.kind == "swap":
        return f"{rows}: two blocks exchange their captions, {repair.n_pairs} pairs"
    return f"{rows}: captions {repair.offset:+d}, {repair.n_pairs} pairs"
