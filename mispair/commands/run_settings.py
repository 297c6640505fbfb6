"""Run settings as people type them."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

import typer


def read_settings(config: Path | None, assignments: Sequence[str] | None) -> dict[str, object]:
    """Join a settings file with single assignments, which win. The server checks names and values.

    Args:
        config: a `.toml` or JSON file with one object.
        assignments: `key=value`; the value is JSON where it reads as JSON, such as `seed=7` or `round_epochs=[2,2,6]`,
            and else text.

    Raises:
        typer.BadParameter: a file or an assignment that cannot be read.
    """
    settings = _read_file(config) if config is not None else {}
    for assignment in assignments or ():
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise typer.BadParameter(f"{assignment!r} is not KEY=VALUE, such as seed=7", param_hint="--set")
        settings[key.strip()] = _value(text)
    return settings


def _read_file(config: Path) -> dict[str, object]:
    try:
        text = config.read_text(encoding="utf-8")
        settings = tomllib.loads(text) if config.suffix.lower() == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{config}: {error}", param_hint="--config") from error
    if not isinstance(settings, dict):
        raise typer.BadParameter(f"{config} must hold one object of settings", param_hint="--config")
    return settings


def _value(text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value
