"""Reads a certificate that was saved."""

import json
from pathlib import Path

from mispair.answers import parse_answer
from mispair.certificates import Certificate
from mispair.errors import UnexpectedAnswerError


def read_certificate(path: Path) -> Certificate:
    """Read a `certificate.json`.

    Raises:
        UnexpectedAnswerError: it is none.
        OSError: it cannot be read.
    """
    try:
        body = json.loads(path.read_bytes())
    except ValueError as error:
        raise UnexpectedAnswerError(f"{path} is no certificate: {error}") from error
    return parse_answer(Certificate, body)
