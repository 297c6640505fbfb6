"""Writes the tables into docs/results.md, between two marks, and the figure beside it."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import fmean

from table_cells import ABLATIONS, BASE_MODELS, FITTED, METHODS, PROTOCOLS, RATIOS, Cell
from table_figure import draw_fitted
from table_measuring import Result

_BEGIN, _END = "<!-- tables: begin -->", "<!-- tables: end -->"
_COMMAND = "```sh\nmake tables DATA=folder-of-flickr8k\n```"
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

Results = Mapping[Cell, Result]


def write_documents(document: Path, results: Results, *, machine: str) -> None:
    """Replace what stands between the marks of the document, and draw the figure.

    Raises:
        ValueError: the document lacks the marks.
    """
    text = document.read_text(encoding="utf-8")
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{document} lacks the marks {_BEGIN} and {_END}")
    fitted = {method: results[cell]["fitted"] for method in FITTED if (cell := _fitted_cell(method)) in results}
    if fitted:
        draw_fitted(document.parent / _FIGURE, {_NAMES[method]: shares for method, shares in fitted.items()})
    body = "\n".join(_sections(results, machine, has_figure=bool(fitted)))
    document.write_text(f"{before}{begin}\n{body}\n{end}{after}", encoding="utf-8")


def _sections(results: Results, machine: str, *, has_figure: bool) -> Iterable[str]:
    yield f"Machine of all tables here: {machine}. A cell without a number has not been run.\n"
    for captions_per_image in (1, 5):
        yield from _detection(results, captions_per_image)
    yield from _retrieval(results)
    yield from _ablations(results)
    if has_figure:
        yield f"### What is memorised\n{_COMMAND}\n"
        yield (
            "Share of the mismatched pairs that the model fits after each epoch: of 1,000 watched mismatched pairs, "
            "those whose caption comes first for the image, or the image first for the caption, among the thousand. "
            "One caption an image, 40 % caption-level noise; chance is 0.2 %. CRCL starts afresh at each round.\n"
        )
        yield f"![Share of mismatched pairs fitted by epoch]({_FIGURE})\n"


def _detection(results: Results, captions_per_image: int) -> Iterable[str]:
    yield f"### Detection, {_captions(captions_per_image)}\n{_COMMAND}\n"
    yield (
        "AUROC of the method's score for planted mismatches in the train split, 1 = clean; caption-level noise, then "
        "the other protocols at 40 %. At 40 % the mean of three seeds.\n"
    )
    head = ["method", *(f"{100 * ratio:g} %" for ratio in RATIOS), *(_protocol(name) for name in PROTOCOLS)]
    head += ["AP at 40 %", "F1 at 40 %"]
    rows = []
    for method in METHODS:

        def mean(ratio: float, figure: str, method: str = method) -> float | None:
            seeds = range(3 if ratio == 0.4 else 1)
            cells = [Cell("heads", method, captions_per_image, ratio=ratio, seed=seed) for seed in seeds]
            return _mean(results, cells, figure)

        others = [_mean(results, [Cell("heads", method, captions_per_image, name)], "auroc") for name in PROTOCOLS]
        figures = [
            *(mean(ratio, "auroc") for ratio in RATIOS),
            *others,
            mean(0.4, "average_precision"),
            mean(0.4, "f1"),
        ]
        rows.append([_NAMES[method], *(_text(figure, 3) for figure in figures)])
    yield _table(head, rows)


def _retrieval(results: Results) -> Iterable[str]:
    yield f"### Retrieval after training on noise\n{_COMMAND}\n"
    yield (
        "rSum on the clean dev split (1,000 images, 5,000 captions) by the model of the epoch that held-out pairs of "
        "the noisy train split chose; caption-level noise. Heads and VSE-infinity (10 regions, joint 256) learn from "
        "five captions an image; SAF and SGR (joint 128, similarity 32) from one, 5,999 pairs.\n"
    )
    methods = ("crcl", "info_nce", "triplet", "ncr")
    head = ["model", "method", *(f"{100 * ratio:g} %" for ratio in (0.0, *RATIOS))]
    rows = [
        [
            _NAMES["heads"],
            _NAMES[method],
            *(_text(_mean(results, [Cell("heads", method, 5, ratio=ratio)], "r_sum"), 1) for ratio in (0.0, *RATIOS)),
        ]
        for method in methods
    ]
    for model in BASE_MODELS:
        for method in methods[:3]:
            cell = Cell(model, method, 5 if model == "vse_infty" else 1)
            r_sum = _text(_mean(results, [cell], "r_sum"), 1)
            rows.append([_NAMES[model], _NAMES[method], "", "", r_sum, "", ""])
    yield _table(head, rows)


def _ablations(results: Results) -> Iterable[str]:
    yield f"### What each part does\n{_COMMAND}\n"
    yield "CRCL on heads, one seed. AUROC of the unfloored label; rSum on dev.\n"
    settings = [(captions, ratio) for captions in (1, 5) for ratio in (0.4, 0.6)]
    head = ["variant"]
    for captions, ratio in settings:
        head += [f"AUROC, {_captions(captions)}, {100 * ratio:g} %", "rSum"]
    rows = []
    for variant in ("", *ABLATIONS):
        row = [_NAMES[variant]]
        for captions, ratio in settings:
            cells = [Cell("heads", "crcl", captions, ratio=ratio, variant=variant)]
            row += [_text(_mean(results, cells, "auroc"), 3), _text(_mean(results, cells, "r_sum"), 1)]
        rows.append(row)
    yield _table(head, rows)


def _fitted_cell(method: str) -> Cell:
    return Cell("heads", method, 1, variant="fitted")


def _mean(results: Results, cells: list[Cell], figure: str) -> float | None:
    found = [results[cell][figure] for cell in cells if cell in results and results[cell].get(figure) is not None]
    return fmean(found) if len(found) == len(cells) else None


def _table(head: list[str], rows: list[list[str]]) -> str:
    line: Callable[[Iterable[str]], str] = lambda cells: "| " + " | ".join(cells) + " |"  # noqa: E731 - used thrice here
    return "\n".join([line(head), "|" + "---|" * len(head), *(line(row) for row in rows)]) + "\n"


def _text(figure: float | None, digits: int) -> str:
    return "" if figure is None else f"{figure:.{digits}f}"


def _captions(captions_per_image: int) -> str:
    return "one caption an image" if captions_per_image == 1 else "five captions an image"


def _protocol(name: str) -> str:
    return f"{name.replace('_', ' ')}, 40 %"
