import subprocess
import sys

import pytest

import crcl_core


class TestPublicInterface:
    def test_has_at_most_25_names(self) -> None:
        assert 0 < len(crcl_core.__all__) <= 25

    @pytest.mark.parametrize("name", crcl_core.__all__)
    def test_every_name_can_be_imported_and_says_what_it_is(self, name: str) -> None:
        assert getattr(crcl_core, name).__doc__

    def test_another_name_is_an_attribute_error(self) -> None:
        with pytest.raises(AttributeError, match="module 'crcl_core' has no attribute 'magic'"):
            _ = crcl_core.magic

    def test_lists_its_names(self) -> None:
        assert dir(crcl_core) == sorted(crcl_core.__all__)

    def test_importing_it_does_not_import_pytorch(self) -> None:
        code = "import sys, crcl_core; sys.exit('torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
