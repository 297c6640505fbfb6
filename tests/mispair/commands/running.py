"""Runs the command line inside the test process."""

from dataclasses import dataclass

import pytest

from mispair.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


class CommandLine:
    """The `mispair` command, as the shell would start it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Ended:
        self._capsys.readouterr()
        self._monkeypatch.setattr("sys.argv", ["mispair", *(str(argument) for argument in arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        code = caught.value.code
        assert isinstance(code, int)
        return Ended(code, *self._capsys.readouterr())
