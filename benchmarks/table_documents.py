"""Writes the tables into docs/results.md, between two marks, and the figure beside it."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import fmean

from markdown_tables import MARK, Figures, Row, Table, read_figures
from table_cells import ABLATIONS, BASE_MODELS, FITTED, METHODS, PROTOCOLS, RATIOS, Cell
from table_figure import draw_fitted
from table_measuring import Result

_BEGIN, _END = "<!-- tables: begin -->", "<!-- tables: end -->"
_COMMAND = "```sh\nmake tables DATA=folder-of-flickr8k\n```\n"
_FIGURE = "fitted.svg"

_NAMES = {
    "crcl": "CRCL (ACL + SCC)",
    "info_nce": "InfoNCE",
    "triplet": "triplet, hardest negatives (VSE++)",
    "ncr": "NCR",
    "lemon": "LEMoN",
    "heads": "heads",
    "vse_infty": "VSE-infinity",
    "saf": "SAF",
    "sgr": "SGR",
    "": "as the product trains",
    "no_complementary": "without the complementary term",
    "no_momentum": "without momentum",
    "no_rounds": "without rounds, as many epochs",
    "rounds_1": "one round",
    "rounds_2": "two rounds",
    "rounds_3": "three rounds",
    "rounds_4": "four rounds",
    "no_floor": "without floor",
    "siblings_are_negatives": "siblings as negatives",
}
_DETECTION = (
    "AUROC of the method's score for planted mismatches in the train split, 1 = clean; caption-level noise, then the "
    "other protocols at 40 %. At 40 % the mean of three seeds. Encoder similarity has no row: the vectors of `offline` "
    "share no space, so an image and a caption have no similarity before a training.\n"
)
_RETRIEVAL = (
    "rSum on the clean dev split (1,000 images, 5,000 captions) by the model of the epoch that held-out pairs of the "
    "noisy train split chose; caption-level noise. Heads and VSE-infinity (10 regions, joint 256) learn from five "
    "captions an image; SAF and SGR (joint 128, similarity 32) from one, 5,999 pairs.\n"
)
_ABLATIONS = "CRCL on heads, one seed. AUROC of the unfloored label; rSum on dev.\n"
_FITTED = (
    "Share of the mismatched pairs that the model fits after each epoch: of 1,000 watched mismatched pairs, those "
    "whose caption comes first for the image, or the image first for the caption, among the thousand. One caption an "
    "image, 40 % caption-level noise; chance is 0.2 %. CRCL starts afresh at each round.\n"
)
_MARKED_METHOD = f"{MARK} above CRCL, against the paper.\n"
_MARKED_PART = (
    f"{MARK} above CRCL as the product trains it: where the paper says that the part helps, it did not here. Siblings "
    "as negatives are the paper's own; masking them is ours.\n"
)

Results = Mapping[Cell, Result]


def write_documents(document: Path, results: Results, *, machine: str) -> None:
    """Replace what stands between the marks of the document, and draw the figure.

    A figure whose training is not among the results stays as the document has it.

    Raises:
        ValueError: the document lacks the marks.
    """
    text = document.read_text(encoding="utf-8")
    before, begin, rest = text.partition(_BEGIN)
    inside, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{document} lacks the marks {_BEGIN} and {_END}")
    fitted = {method: results[cell]["fitted"] for method in FITTED if (cell := _fitted_cell(method)) in results}
    if len(fitted) == len(FITTED):
        draw_fitted(document.parent / _FIGURE, {_NAMES[method]: shares for method, shares in fitted.items()})
    has_figure = (document.parent / _FIGURE).exists()
    body = "\n".join(_sections(results, read_figures(inside), machine, has_figure=has_figure))
    document.write_text(f"{before}{begin}\n{body}\n{end}{after}", encoding="utf-8")


def _sections(results: Results, kept: Figures, machine: str, *, has_figure: bool) -> Iterator[str]:
    yield f"Machine: {machine}. A cell without a number has not been run.\n"
    for captions_per_image in (1, 5):
        yield from _section(_detection(results, captions_per_image).with_kept(kept), _DETECTION, _MARKED_METHOD)
    yield from _section(_retrieval(results).with_kept(kept), _RETRIEVAL, _MARKED_METHOD)
    yield from _section(_ablations(results).with_kept(kept), _ABLATIONS, _MARKED_PART)
    if has_figure:
        yield f"### What is memorised\n{_COMMAND}"
        yield _FITTED
        yield f"![Share of mismatched pairs fitted by epoch]({_FIGURE})\n"


def _section(table: Table, note: str, marked: str) -> Iterator[str]:
    yield f"### {table.heading}\n{_COMMAND}"
    yield note
    yield from table.lines()
    yield f"\n{marked}" if table.has_marks else ""


def _detection(results: Results, captions_per_image: int) -> Table:
    protocols = [f"{name.replace('_', ' ')}, 40 %" for name in PROTOCOLS]
    columns = (*_percents(RATIOS), *protocols, "AP at 40 %", "F1 at 40 %")
    rows = [
        Row((_NAMES[method],), tuple(_detection_figures(results, method, captions_per_image)), reference=0)
        for method in METHODS
    ]
    heading = f"Detection, {'one caption' if captions_per_image == 1 else 'five captions'} an image"
    return Table(heading, ("method",), columns, (3,) * len(columns), tuple(rows))


def _detection_figures(results: Results, method: str, captions_per_image: int) -> Iterator[float | None]:
    for ratio in RATIOS:
        yield _mean(results, _seeds(method, captions_per_image, ratio), "auroc")
    for protocol in PROTOCOLS:
        yield _mean(results, [Cell("heads", method, captions_per_image, protocol)], "auroc")
    for figure in ("average_precision", "f1"):
        yield _mean(results, _seeds(method, captions_per_image, 0.4), figure)


def _seeds(method: str, captions_per_image: int, ratio: float) -> list[Cell]:
    n_seeds = 3 if ratio == 0.4 else 1
    return [Cell("heads", method, captions_per_image, ratio=ratio, seed=seed) for seed in range(n_seeds)]


def _retrieval(results: Results) -> Table:
    ratios = (0.0, *RATIOS)
    methods = ("crcl", "info_nce", "triplet", "ncr")
    rows = [
        Row(
            (_NAMES["heads"], _NAMES[method]),
            tuple(_mean(results, [Cell("heads", method, 5, ratio=ratio)], "r_sum") for ratio in ratios),
            reference=0,
        )
        for method in methods
    ]
    for model in BASE_MODELS:
        reference = len(rows)
        for method in methods[:3]:
            cell = Cell(model, method, 5 if model == "vse_infty" else 1)
            figures = tuple(_mean(results, [cell], "r_sum") if ratio == cell.ratio else None for ratio in ratios)
            rows.append(Row((_NAMES[model], _NAMES[method]), figures, reference))
    columns = _percents(ratios)
    return Table("Retrieval after training on noise", ("model", "method"), columns, (1,) * len(columns), tuple(rows))


def _ablations(results: Results) -> Table:
    settings = [(captions, ratio) for captions in (1, 5) for ratio in (0.4, 0.6)]
    names = [f"{captions} caption{'s' * (captions > 1)}, {100 * ratio:g} %" for captions, ratio in settings]
    columns = tuple(f"{figure}, {name}" for name in names for figure in ("AUROC", "rSum"))
    rows = []
    for variant in ("", *ABLATIONS):
        cells = [Cell("heads", "crcl", captions, ratio=ratio, variant=variant) for captions, ratio in settings]
        figures = tuple(_mean(results, [cell], figure) for cell in cells for figure in ("auroc", "r_sum"))
        rows.append(Row((_NAMES[variant],), figures, reference=0))
    return Table("What each part does", ("variant",), columns, (3, 1) * len(settings), tuple(rows))


def _percents(ratios: Iterable[float]) -> tuple[str, ...]:
    return tuple(f"{100 * ratio:g} %" for ratio in ratios)


def _fitted_cell(method: str) -> Cell:
    return Cell("heads", method, 1, variant="fitted")


def _mean(results: Results, cells: list[Cell], figure: str) -> float | None:
    found = [results[cell][figure] for cell in cells if cell in results and results[cell].get(figure) is not None]
    return fmean(found) if len(found) == len(cells) else None
