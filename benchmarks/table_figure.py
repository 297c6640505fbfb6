"""The figure of docs/results.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure


def draw_fitted(path: Path, shares: Mapping[str, Sequence[float]]) -> None:
    """Draw the share of mismatched pairs that each method fits, by epoch; equal numbers give an equal SVG."""
    # Without a date and with fixed ids, so that drawing it again changes nothing.
    with mpl.rc_context({"svg.hashsalt": "mispair", "svg.fonttype": "none", "font.size": 10}):
        figure = Figure(figsize=(7, 3.6), layout="constrained")
        axes = figure.add_subplot()
        for name, values in shares.items():
            axes.plot(range(1, len(values) + 1), [100 * value for value in values], marker=".", label=name)
        axes.set_xlabel("epoch")
        axes.set_ylabel("mismatched pairs fitted, %")
        axes.set_ylim(bottom=0)
        axes.grid(visible=True, alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})
