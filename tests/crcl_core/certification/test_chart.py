from xml.etree import ElementTree as ET

import pytest

from crcl_core.certification import certify, draw_chart
from tests.crcl_core.certification.corpora import TINY, known_correspondence, noisy_corpus

_SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_a_point_a_seed_and_arm_within_the_picture_and_nothing_from_outside(seeds: tuple[int, ...]) -> None:
    features, is_mismatch = noisy_corpus()
    made = certify(features, known_correspondence(is_mismatch), 0.5, seeds=seeds, config=TINY)
    text = draw_chart(made)
    root = ET.fromstring(text)  # noqa: S314 - our own text
    points = root.findall(f"{_SVG}circle")
    assert len(points) == 3 * len(seeds)
    assert all(84 <= float(point.get("cy", "0")) <= 340 for point in points)
    assert "href" not in text
    assert "<script" not in text
    assert {"raw", "cleaned", "randomly dropped"} <= {
        (each.text or "").split(":")[0] for each in root.findall(f"{_SVG}text")
    }
