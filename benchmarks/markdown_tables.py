"""Tables of figures in a Markdown document: written, and read back so that a figure stays until it is remeasured."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MARK = "†"

# A figure's place in a document: heading of its section, labels of its row, name of its column.
Place = tuple[str, tuple[str, ...], str]
Figures = Mapping[Place, float]


@dataclass(frozen=True)
class Row:
    """A row of figures.

    Attributes:
        labels: What it is about.
        figures: One a column; None = not measured in this run.
        reference: Number of the row that it is expected not to exceed; a figure above that row's is marked.
    """

    labels: tuple[str, ...]
    figures: tuple[float | None, ...]
    reference: int | None = None


@dataclass(frozen=True)
class Table:
    """A table under a heading of its own.

    Attributes:
        heading: Of its section.
        label_names: Heads of the label columns.
        columns: Heads of the figure columns.
        digits: Behind the point, one a figure column.
        rows: See `Row`.
    """

    heading: str
    label_names: tuple[str, ...]
    columns: tuple[str, ...]
    digits: tuple[int, ...]
    rows: tuple[Row, ...]

    def with_kept(self, kept: Figures) -> "Table":
        """Fills what this run did not measure from figures that a document had."""
        rows = [
            Row(
                row.labels,
                tuple(
                    kept.get((self.heading, row.labels, column)) if figure is None else figure
                    for column, figure in zip(self.columns, row.figures, strict=True)
                ),
                row.reference,
            )
            for row in self.rows
        ]
        return Table(self.heading, self.label_names, self.columns, self.digits, tuple(rows))

    def lines(self) -> list[str]:
        """The table in Markdown."""
        head = [*self.label_names, *self.columns]
        return [_line(head), "|" + "---|" * len(head), *(_line([*row.labels, *self._texts(row)]) for row in self.rows)]

    @property
    def has_marks(self) -> bool:
        """Whether any figure is above its reference."""
        return any(MARK in text for row in self.rows for text in self._texts(row))

    def _texts(self, row: Row) -> list[str]:
        limits = (None,) * len(self.columns) if row.reference is None else self.rows[row.reference].figures
        return [
            _text(figure, digits, limit) for figure, digits, limit in zip(row.figures, self.digits, limits, strict=True)
        ]


def read_figures(document: str) -> dict[Place, float]:
    """Reads the figures of all tables of a document; cells that hold no number are left out."""
    figures: dict[Place, float] = {}
    heading = ""
    columns: list[str] = []
    for line in document.splitlines():
        if line.startswith("#"):
            heading, columns = line.lstrip("#").strip(), []
        elif line.startswith("|---"):
            continue
        elif line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not columns:
                columns = cells
                continue
            labels = tuple(cell for cell in cells if _number(cell) is None and cell)
            for column, cell in zip(columns, cells, strict=True):
                number = _number(cell)
                if number is not None:
                    figures[heading, labels, column] = number
        else:
            columns = []
    return figures


def _number(cell: str) -> float | None:
    try:
        return float(cell.removesuffix(MARK))
    except ValueError:
        return None


def _text(figure: float | None, digits: int, limit: float | None) -> str:
    if figure is None:
        return ""
    # As printed: a difference that the table does not show is none.
    is_above = limit is not None and round(figure, digits) > round(limit, digits)
    return f"{figure:.{digits}f}{MARK if is_above else ''}"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
