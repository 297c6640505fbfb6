"""The paper's experiments: its settings, its data sets, and the rows of its tables."""

from crcl_core.paper.benchmark import PaperDataset, PaperModel
from crcl_core.paper.result import PaperResult, PaperRow
from crcl_core.paper.run import PaperRun, run_paper
from crcl_core.paper.settings import PaperSettings, load_settings
from crcl_core.paper.table import markdown_lines

__all__ = [
    "PaperDataset",
    "PaperModel",
    "PaperResult",
    "PaperRow",
    "PaperRun",
    "PaperSettings",
    "load_settings",
    "markdown_lines",
    "run_paper",
]
