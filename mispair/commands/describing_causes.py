"""What exactly is wrong in a corpus, in a few lines: the reasons, and the groups that most of the noise is in."""

from mispair.run_summary import Cause, RunSummary
from mispair.tables import printable

_MOST_CAUSES = 3


def describe_causes(summary: RunSummary) -> list[str]:
    """A line of reasons, and a line for each of the first causes; none where nothing was found."""
    lines = []
    if summary.reasons:
        # A database's JSON keeps no order.
        most_first = sorted(summary.reasons.items(), key=lambda reason: (-reason[1], reason[0]))
        lines.append("reasons: " + ", ".join(f"{n} {code}" for code, n in most_first))
    lines += [f"much of the noise: {_describe(cause)}" for cause in summary.causes[:_MOST_CAUSES]]
    return lines


def _describe(cause: Cause) -> str:
    # Folders and templates are the user's text, which could hold what steers a terminal.
    group = f"{cause.column.removeprefix('column:').replace('_', ' ')} {printable(cause.value)!r}"
    return f"{cause.share_of_noise:.0%} of it in {group}, {cause.n_flagged} of {cause.n_pairs} pairs flagged"
