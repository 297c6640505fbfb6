"""How a key is written: `mispair_<public id>_<secret>`, the secret with a checksum that needs no database."""

import hashlib
import re
import secrets
import string
import zlib
from dataclasses import dataclass

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase  # base62
_PUBLIC_ID_CHARS = 12
_RANDOM_CHARS = 32  # 190 bits, so that a fast hash is enough to store it
_CHECKSUM_CHARS = 6  # 32 bits
_FORM = re.compile(
    f"mispair_([0-9A-Za-z]{{{_PUBLIC_ID_CHARS}}})_([0-9A-Za-z]{{{_RANDOM_CHARS}}})([0-9A-Za-z]{{{_CHECKSUM_CHARS}}})"
)


@dataclass(frozen=True, repr=False)
class KeyText:
    """A key in clear. It has no repr, so that it cannot get into a log or a traceback."""

    public_id: str
    secret: str  # with its checksum

    @property
    def secret_hash(self) -> bytes:
        """What is stored of the secret."""
        return hashlib.sha256(self.secret.encode()).digest()

    def reveal(self) -> str:
        """The whole key, for its owner, once."""
        return f"mispair_{self.public_id}_{self.secret}"


def generate_key() -> KeyText:
    """A new key from the system's random source."""
    public_id = _random(_PUBLIC_ID_CHARS)
    random_part = _random(_RANDOM_CHARS)
    return KeyText(public_id, random_part + _checksum(public_id, random_part))


def parse_key(text: str) -> KeyText | None:
    """Read a key; None when it cannot be one: a typing error or a cut is told without asking the database."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    public_id, random_part, checksum = match.groups()
    return KeyText(public_id, random_part + checksum) if checksum == _checksum(public_id, random_part) else None


def _random(n_chars: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(n_chars))


def _checksum(public_id: str, random_part: str) -> str:
    number = zlib.crc32(f"mispair_{public_id}_{random_part}".encode())
    digits = []
    for _ in range(_CHECKSUM_CHARS):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
