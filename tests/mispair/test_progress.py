import io

import pytest
from rich.console import Console

from mispair.progress import PlainProgress, RichProgress, open_progress
from mispair.tables import print_table, printable


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestOpenProgress:
    def test_bars_on_a_terminal(self) -> None:
        assert isinstance(open_progress(stream=Terminal()), RichProgress)

    def test_lines_elsewhere_and_when_asked_for(self) -> None:
        assert isinstance(open_progress(stream=io.StringIO()), PlainProgress)
        assert isinstance(open_progress(no_tty=True, stream=Terminal()), PlainProgress)


class TestPlainProgress:
    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """The time, in its only element."""
        now = [0.0]
        monkeypatch.setattr("mispair.progress.time.monotonic", lambda: now[0])
        return now

    def test_a_line_every_tenth(self, clock: list[float]) -> None:
        stream = io.StringIO()
        with PlainProgress(stream).step("cleaning") as step:
            for percent in range(101):
                clock[0] += 0.25
                step.update(percent / 100, "train")
        lines = stream.getvalue().splitlines()
        assert lines[0] == "cleaning ..."
        assert lines[1].endswith("%, train")
        assert lines[-1] == "cleaning: done in 25.2 s"
        assert 11 <= len(lines) <= 13  # the last bits of a sum of hundredths decide

    def test_what_is_quick_needs_no_lines_in_between(self) -> None:
        stream = io.StringIO()
        with PlainProgress(stream).step("uploading") as step:
            for percent in range(101):
                step.update(percent / 100)
        assert len(stream.getvalue().splitlines()) == 2

    def test_what_is_slow_speaks_every_ten_seconds(self, clock: list[float]) -> None:
        stream = io.StringIO()
        with PlainProgress(stream).step("cleaning") as step:
            for second in range(60):
                clock[0] += 1
                step.update(second / 1000)
        assert len(stream.getvalue().splitlines()) == 2 + 6

    def test_a_failure_is_not_called_done(self) -> None:
        stream = io.StringIO()

        def fail() -> None:
            with PlainProgress(stream).step("importing") as step:
                step.update(None, "unpacking")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        assert "importing: stopped after" in stream.getvalue()
        assert "done" not in stream.getvalue()


class TestRichProgress:
    def test_a_bar_and_a_note(self) -> None:
        stream = Terminal()
        progress = RichProgress(Console(file=stream, force_terminal=True, width=120))
        progress.say("[bold] is no markup")
        with progress.step("cleaning [x]") as step:
            step.update(None, "queued")
            step.update(0.5, "train [y]")
        assert "[bold] is no markup" in stream.getvalue()
        assert "cleaning [x]" in stream.getvalue()
        assert "100%" in stream.getvalue()


class TestPrintTable:
    def test_tabs_between_plain_cells(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_table(("a", "b"), [(1, None), ("x\ty", "\x1b[31m")], no_tty=True)
        assert capsys.readouterr().out == "a\tb\n1\t\nx?y\t?[31m\n"

    def test_drawn_on_a_terminal(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        print_table(("name",), [("[red]x",)])
        out = capsys.readouterr().out
        assert "[red]x" in out
        assert "name" in out

    def test_control_characters_never_reach_a_terminal(self) -> None:
        assert printable("a\x1b]0;title\x07\u202eb\n") == "a?]0;title??b?"
