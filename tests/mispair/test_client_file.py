from pathlib import Path

import pytest

from mispair.client_file import ServerAddress, find_server, read_client_file, write_client_file
from mispair.errors import ConfigurationError

STORED = ServerAddress("http://127.0.0.1:8000", "mispair_a_b")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_client_file(tmp_path / "client.toml", STORED)
    return tmp_path


class TestFindServer:
    def test_arguments_win_over_the_environment(self, data: Path) -> None:
        environ = {"MISPAIR_URL": "http://other", "MISPAIR_KEY": "other"}
        assert find_server(url="http://here/", key="k", data=data, environ=environ) == ServerAddress("http://here", "k")

    def test_the_environment_wins_over_the_file(self, data: Path) -> None:
        environ = {"MISPAIR_URL": "http://other", "MISPAIR_KEY": "other"}
        assert find_server(url=None, key=None, data=data, environ=environ) == ServerAddress("http://other", "other")

    def test_the_file_is_found_through_the_data_folder_of_the_environment(self, data: Path) -> None:
        assert find_server(url=None, key=None, data=None, environ={"MISPAIR_DATA": str(data)}) == STORED

    def test_the_files_own_address_may_be_named_again(self, data: Path) -> None:
        assert find_server(url=f"{STORED.url}/", key=None, data=data, environ={}) == STORED

    def test_the_files_key_never_goes_to_another_address(self, data: Path) -> None:
        with pytest.raises(ConfigurationError, match="no key for http://elsewhere is known"):
            find_server(url="http://elsewhere", key=None, data=data, environ={})

    def test_nothing_known_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"client\.toml does not exist.*mispair up.*MISPAIR_URL"):
            find_server(url=None, key=None, data=tmp_path / "none", environ={})


class TestClientFile:
    def test_what_was_written_is_read_again(self, tmp_path: Path) -> None:
        address = ServerAddress('http://[::1]:80/"ä\\', "mispair_é_\n")
        write_client_file(tmp_path / "client.toml", address)
        assert read_client_file(tmp_path / "client.toml") == address

    def test_only_the_owner_may_read_it(self, data: Path) -> None:
        assert (data / "client.toml").stat().st_mode & 0o777 == 0o600

    def test_writing_again_replaces_it_and_leaves_nothing_beside(self, data: Path) -> None:
        write_client_file(data / "client.toml", ServerAddress("http://new", "k"))
        assert read_client_file(data / "client.toml").url == "http://new"
        assert [path.name for path in data.iterdir()] == ["client.toml"]

    @pytest.mark.parametrize(
        ("content", "words"),
        [(b"url = ", "is not TOML"), (b"\xff", "is not TOML"), (b'url = "http://x"', "must hold the two lines")],
    )
    def test_a_damaged_file_is_named(self, tmp_path: Path, content: bytes, words: str) -> None:
        path = tmp_path / "client.toml"
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match=words):
            read_client_file(path)

    def test_the_key_is_in_no_repr(self) -> None:
        assert "mispair_a_b" not in repr(STORED)
