"""Sound archives with bytes changed at random: a refusal with a code or rows that add up, and nothing else."""

import gzip
import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile import sound_files
from tests.hostile.outcomes import outcome
from tests.hostile.tars import tarred
from tests.hostile.zip_writing import DEFLATED, members, zipped
from worker.pipeline.importing.refusal import RefusalCode
from worker.sandbox.normalising import normalise_image

_ARCHIVES = {
    "stored zip": zipped(members(sound_files())),
    "deflated zip": zipped(members(sound_files(), method=DEFLATED)),
    "tar": tarred(),
    "gzipped tar": gzip.compress(tarred(), mtime=0),
}
_CODES = {code.value for code in RefusalCode}

# Where, what is put there, and how many bytes it replaces.
_Change = tuple[float, bytes, int]
_CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.binary(max_size=8) | st.sampled_from([b"\0" * 4, b"\xff" * 4]), st.integers(0, 8)),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("kind", _ARCHIVES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(changes=_CHANGES)
def test_a_changed_archive_ends_in_a_code_or_in_rows_that_add_up(kind: str, changes: list[_Change]) -> None:
    data = bytearray(_ARCHIVES[kind])
    for share, new, n_replaced in changes:
        at = int(share * len(data))
        data[at : at + n_replaced] = new
    with tempfile.TemporaryDirectory() as folder:
        found = outcome(bytes(data), partial(normalise_image, max_pixels=1_000_000), Path(folder))
    assert found.refusal is None or found.refusal in _CODES
