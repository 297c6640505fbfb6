"""`mispair check`: what is known of a corpus before anything is uploaded."""

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from mispair.answers import parse_answer
from mispair.commands.describing_preflight import describe_preflight
from mispair.commands.options import CorpusFormatOption
from mispair.errors import JobFailedError
from mispair.preflight import Preflight

WARNED = 7


def check(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", exists=True, readable=True, help="An archive, a parquet file or a folder.")
    ],
    *,
    corpus_format: CorpusFormatOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole of it as JSON.")] = False,
) -> None:
    """Say what an archive or a folder would be taken for, what joins, and what its captions are like. Needs no server.

    Exit code 5 where an import would be refused, 7 where a run would need its warnings confirmed.
    """
    # The importing packages are for this command only; the others start without them.
    from worker.pipeline.importing import ArchiveRefusedError, ImportLimits, UnknownFormatError, check_path

    try:
        with tempfile.TemporaryDirectory(prefix="mispair-check-") as scratch:
            told = check_path(path, ImportLimits.default(), Path(scratch), corpus_format).as_json()
    except UnknownFormatError as error:
        raise typer.BadParameter(str(error), param_hint="--format") from error
    except ArchiveRefusedError as error:
        raise JobFailedError(subject=f"import of {path}", code=error.code, detail=error.detail) from error
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        for line in describe_preflight(parse_answer(Preflight, told)):
            typer.echo(line)
    if told["needs_confirmation"]:
        raise typer.Exit(WARNED)
