"""Text that a spreadsheet shows and does not run."""

# A cell that starts with one of these is a formula, or moves the next sign to the start of a cell. The last four are
# the full-width signs, which some spreadsheets read as the plain ones.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def defused(cell: str) -> str:
    """The cell with an apostrophe before it where a spreadsheet would run it."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
