"""What the kernel says of processes."""

from pathlib import Path


def descendants(pid: int) -> list[int]:
    """Children of a process, their children, and so on; zombies left out."""
    found: list[int] = []
    pending = [pid]
    while pending:
        for path in Path(f"/proc/{pending.pop()}/task").glob("*/children"):
            children = [int(word) for word in _read(path).split()]
            pending.extend(children)
            found.extend(child for child in children if command_of(child))
    return found


def command_of(pid: int) -> str:
    """The command line of a process; empty for a zombie and for one that is gone."""
    return _read(Path(f"/proc/{pid}/cmdline")).replace("\0", " ").strip()


def parent_of(pid: int) -> int:
    """The parent of a living process."""
    # The name in brackets may hold anything, so the fields are counted from behind it: state, parent, ...
    return int(_read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()[1])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
