"""The text files of a precomp folder."""

from pathlib import Path


def read_captions(folder: Path, split: str) -> tuple[str, ...]:
    """Reads `{split}_caps.txt`, a caption a line, or cc152k's `{split}_caps.tsv`, the caption in the second column.

    Returns:
        Captions without white space around them; an empty line is an empty caption.

    Raises:
        FileNotFoundError: There is neither file.
        ValueError: There are both, a file is not UTF-8, or a line has one column.
    """
    plain, columns = folder / f"{split}_caps.txt", folder / f"{split}_caps.tsv"
    if plain.exists() and columns.exists():
        raise ValueError(f"{folder} holds {plain.name} and {columns.name}, expected one of them")
    if columns.exists():
        return tuple(_second_column(line, f"{columns} line {n}") for n, line in enumerate(_lines(columns), 1))
    return tuple(line.strip() for line in _lines(plain))


def read_ids(folder: Path, split: str) -> tuple[str, ...] | None:
    """Reads `{split}_ids.txt`, an id a line; None where there is no such file.

    Raises:
        ValueError: The file is not UTF-8.
    """
    path = folder / f"{split}_ids.txt"
    return tuple(line.strip() for line in _lines(path)) if path.exists() else None


def _lines(path: Path) -> list[str]:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path} line {line} is not UTF-8: {error.reason}") from error
    # Not splitlines: it also splits at characters that captions may hold, and lines are counted as captions.
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _second_column(line: str, place: str) -> str:
    columns = line.split("\t")
    if len(columns) < 2:
        raise ValueError(f"{place} has 1 column, expected an id, a tab and a caption")
    caption = columns[1].strip()
    # Quotes are undone by column: a reader that lets a quoted field span lines would lose captions to one stray quote.
    is_quoted = len(caption) > 1 and caption[0] == caption[-1] == '"'
    return caption[1:-1].replace('""', '"').strip() if is_quoted else caption
