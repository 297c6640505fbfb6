import os
from pathlib import Path

from app.core.embedded.data_folder import DataFolder
from app.core.embedded.environment import child_environment
from app.core.embedded.servers import ServerUrls

_REPOSITORY = Path(__file__).resolve().parents[4]


def _environment(base: dict[str, str], **extra: str) -> dict[str, str]:
    folder = DataFolder(Path("/srv/my data"))
    return child_environment(folder, ServerUrls("postgresql://x", "redis://y"), 7, base=base, extra=extra)


class TestChildEnvironment:
    def test_it_says_where_everything_is(self) -> None:
        environment = _environment({})
        assert environment["MISPAIR_DATABASE_URL"] == "postgresql://x"
        assert environment["MISPAIR_BROKER_URL"] == "redis://y"
        assert environment["MISPAIR_STORAGE_URL"] == "file:///srv/my%20data/storage"
        assert environment["MISPAIR_DATA"] == "/srv/my data"
        assert environment["MISPAIR_LOCK_FD"] == "7"
        assert environment["TMPDIR"] == "/srv/my data/tmp"

    def test_an_address_of_the_user_is_overruled(self) -> None:
        assert _environment({"MISPAIR_DATABASE_URL": "elsewhere"})["MISPAIR_DATABASE_URL"] == "postgresql://x"

    def test_other_settings_of_the_user_arrive(self) -> None:
        assert _environment({"MISPAIR_DEVICE": "cpu"})["MISPAIR_DEVICE"] == "cpu"

    def test_extra_overrules_all(self) -> None:
        assert _environment({"MISPAIR_LEASE_S": "60"}, MISPAIR_LEASE_S="2")["MISPAIR_LEASE_S"] == "2"

    def test_a_checkout_can_be_imported_and_what_could_be_before_too(self) -> None:
        entries = _environment({"PYTHONPATH": "/opt/more"})["PYTHONPATH"].split(os.pathsep)
        assert entries == [str(_REPOSITORY), "/opt/more"]
