"""From what a row says to a member of the archive."""

import pytest

from worker.pipeline.importing.archive import Member
from worker.pipeline.importing.joining import ImageFinder, ImageNotFoundError
from worker.pipeline.importing.rows import CaptionRow

_NAMES = (
    "set/captions.csv",
    "set/images/a.png",
    "images/a.png",
    "images/b.png",
    "set/caf\u00e9.png",
    "deep/folder/only.png",
    "x/twin.png",
    "y/twin.png",
    "__MACOSX/images/b.png",
)


@pytest.fixture
def finder() -> ImageFinder:
    return ImageFinder({name: Member(name, 1, None) for name in _NAMES}, {"set/captions.csv"})


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("images/a.png", "set/images/a.png"),  # the manifest's folder comes first
        ("images/b.png", "images/b.png"),
        ("../images/a.png", "images/a.png"),
        ("./images//a.png", "set/images/a.png"),
        ("images\\b.png", "images/b.png"),
        (" images/b.png ", "images/b.png"),
        ("/images/b.png", "images/b.png"),
        ("cafe\u0301.png", "set/caf\u00e9.png"),
        ("only.png", "deep/folder/only.png"),
        ("only", "deep/folder/only.png"),
        ("images/a.jpg", "set/images/a.png"),
        ("/home/me/corpus/only.png", "deep/folder/only.png"),
        ("C:\\corpus\\only.png", "deep/folder/only.png"),
    ],
)
def test_what_a_path_finds(reference: str, name: str, finder: ImageFinder) -> None:
    assert finder.find(CaptionRow(1, reference, file="set/captions.csv")).name == name


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (None, "names no image"),
        ("  ", "names no image"),
        ("missing.png", "holds no file 'missing.png'"),
        ("ONLY.png", "one named 'only.png'; case matters"),
        ("twin", "holds no file 'twin'"),
        ("twin.png", "several named 'twin.png'"),
        ("../../../etc/passwd", "holds no file"),
    ],
)
def test_what_finds_nothing(reference: str | None, words: str, finder: ImageFinder) -> None:
    with pytest.raises(ImageNotFoundError, match=words):
        finder.find(CaptionRow(1, reference, file="set/captions.csv"))
