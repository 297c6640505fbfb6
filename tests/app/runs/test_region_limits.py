import pytest

from app.core.errors import InvalidPayloadError
from app.runs.region_limits import check_regions
from crcl_core.encoders import offline, toy

_GRIDS = {"toy": toy._REGIONS, "offline": offline._REGIONS}


class TestCheckRegions:
    @pytest.mark.parametrize("specification", _GRIDS)
    def test_it_allows_what_the_encoder_itself_allows(self, specification: str) -> None:
        for number in _GRIDS[specification].numbers():
            check_regions("mine", specification, number)

    @pytest.mark.parametrize("specification", _GRIDS)
    def test_the_next_grid_is_refused_with_those_that_there_are(self, specification: str) -> None:
        numbers = _GRIDS[specification].numbers()
        with pytest.raises(InvalidPayloadError) as caught:
            check_regions("mine", specification, (len(numbers) + 1) ** 2)
        assert caught.value.code == "regions_unsupported"
        assert caught.value.detail.endswith(", ".join(map(str, numbers)))

    def test_what_only_the_loaded_model_knows_is_left_to_the_worker(self) -> None:
        check_regions("mine", "open_clip:ViT-B-32@openai", 1024)
