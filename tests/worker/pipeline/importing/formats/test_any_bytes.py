"""Whatever bytes a format meets, there are rows that add up and can be stored, or a refusal with a code."""

import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.models import CorpusFormat
from app.core.repositories.importing import ImportedVersion
from app.core.storage import LocalStorage
from tests.worker.archives import image_bytes, parquet_bytes, tar_file, zip_file
from tests.worker.pipeline.importing.conftest import NORMALISE
from worker.pipeline.importing import ArchiveRefusedError, ImportLimits, RefusalCode, import_archive
from worker.pipeline.importing.json_values import check_texts

_IMAGE = image_bytes()
_LIMITS = ImportLimits(
    max_archive_bytes=2**26,
    max_archive_members=100,
    max_member_bytes=2**20,
    max_manifest_bytes=2**20,
    max_caption_chars=200,
    shard_bytes=2**20,
)


def _shard() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        files = {"0.jpg": _IMAGE, "0.txt": b"red", "0.json": b'{"url": "u"}'}
        return tar_file(Path(folder) / "s.tar", files).read_bytes()


# Of each format a sound file; its bytes are changed, the images beside it stay.
_SOUND: Mapping[CorpusFormat, tuple[str, bytes]] = {
    CorpusFormat.TABLE: ("captions.csv", b'image,caption,id\na.png,"a red, red\nsquare",7\nb.png,x,\n'),
    CorpusFormat.OPEN_CLIP: ("pairs.csv", b'filepath\ttitle\na.png\tred\nb.png\t"x\n'),
    CorpusFormat.COCO: (
        "captions_a.json",
        b'{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"id": 5, "image_id": 1, "caption": "red"}]}',
    ),
    CorpusFormat.KARPATHY: (
        "dataset_a.json",
        b'{"images": [{"filename": "a.png", "split": "train", "sentences": [{"raw": "red", "sentid": 0}]}]}',
    ),
    CorpusFormat.FLICKR: ("a.token", b"a.png#0\tred\na.png#1\tvery red\nb.png#0\tx\n"),
    CorpusFormat.KAGGLE_8K: ("captions.txt", b'image,caption\na.png,"red, red"\nb.png,x\n'),
    CorpusFormat.KAGGLE_30K: ("results.csv", b"image_name| comment_number| comment\na.png| 0| red\n"),
    CorpusFormat.IMAGEFOLDER: ("train/metadata.jsonl", b'{"file_name": "a.png", "text": ["red", "x"], "n": 1.5}\n'),
    CorpusFormat.PARQUET_IMAGES: (
        "a.parquet",
        parquet_bytes({"image": [{"bytes": _IMAGE, "path": "a.png"}], "text": [["red", "x"]], "when": [1.5]}),
    ),
    CorpusFormat.IMG2DATASET: (
        "00000.parquet",
        parquet_bytes(
            {"key": ["0", "1"], "status": ["success", "failed"], "caption": ["a", "b"], "jpg": [_IMAGE, None]}
        ),
    ),
    CorpusFormat.WEBDATASET: ("00000.tar", _shard()),
    CorpusFormat.SIDECAR: ("a.json", b'{"caption": ["red", "x"], "id": 3, "url": "u"}'),
}
_TABLES = {
    "captions.jsonl": b'{"image": "a.png", "caption": "x", "n": {"k": [1]}}\n{"image": "b.png", "caption": ["y"]}\n',
    "captions.tsv": b"image\tcaption\na.png\tred\n",
    "captions.parquet": parquet_bytes({"image": ["a.png"], "caption": ["red"]}),
}
_BOUNDED = settings(
    max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@st.composite
def changed(draw: st.DrawFn, sound: bytes) -> bytes:
    """Sound bytes with a few of them replaced, removed, repeated or cut off."""
    data = bytearray(sound)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 8)))
        data[start:end] = draw(
            st.one_of(
                st.binary(max_size=8), st.sampled_from((b"", b"\0", b"\xff\xfe", b'"', b"[" * 40, b"1e999", b"\n"))
            )
        )
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) and draw(st.booleans()) else data)


def imported(name: str, data: bytes, wanted: CorpusFormat | None) -> ImportedVersion | None:
    """The version, whose counts it checks itself; None where the archive is refused with one of our codes."""
    with tempfile.TemporaryDirectory() as folder:
        path = zip_file(Path(folder) / "a.zip", {name: data, "a.png": _IMAGE, "b.png": _IMAGE}, compression=0)
        store = LocalStorage(Path(folder) / "storage")
        try:
            return import_archive(
                path,
                store,
                uuid.uuid4(),
                _LIMITS,
                NORMALISE,
                scratch=Path(folder) / "scratch",
                threads=1,
                on_progress=lambda _share: None,
                wanted_format=wanted,
            )
        except ArchiveRefusedError as error:
            _require_known(error)
            return None


def _require_known(error: ArchiveRefusedError) -> None:
    RefusalCode(error.code)  # raises what the test fails with


def check(name: str, data: bytes, wanted: CorpusFormat | None) -> None:
    version = imported(name, data, wanted)
    if version is not None:
        assert version.n_read == len(version.pairs) + len(version.rejections)
        pairs = [(one.caption, one.source_id, one.source_path, one.pair_key, one.extra) for one in version.pairs]
        rejections = [(one.detail, one.source_path, one.source_file) for one in version.rejections]
        check_texts([version.preflight, list(map(list, pairs)), list(map(list, rejections))])


class TestAnyBytes:
    @pytest.mark.parametrize("corpus_format", _SOUND)
    def test_the_sound_file_has_rows(self, corpus_format: CorpusFormat) -> None:
        version = imported(*_SOUND[corpus_format], None)
        assert version is not None
        assert version.format == corpus_format
        assert version.pairs

    @pytest.mark.parametrize("corpus_format", _SOUND)
    @_BOUNDED
    @given(data=st.data())
    def test_a_changed_file(self, corpus_format: CorpusFormat, data: st.DataObject) -> None:
        name, sound = _SOUND[corpus_format]
        check(name, data.draw(changed(sound)), data.draw(st.sampled_from((None, corpus_format))))

    @pytest.mark.parametrize("name", _TABLES)
    @_BOUNDED
    @given(data=st.data())
    def test_a_changed_table(self, name: str, data: st.DataObject) -> None:
        check(name, data.draw(changed(_TABLES[name])), None)

    @pytest.mark.parametrize("corpus_format", _SOUND)
    @settings(_BOUNDED, max_examples=10)
    @given(data=st.binary(max_size=200))
    def test_any_bytes_at_all(self, corpus_format: CorpusFormat, data: bytes) -> None:
        check(_SOUND[corpus_format][0], data, None)
