import socket

import pytest

from app.core.embedded.errors import PortTakenError
from app.core.embedded.readiness import free_port, probe, service_url


class TestFreePort:
    def test_zero_lets_the_system_choose(self) -> None:
        assert free_port("127.0.0.1", 0) > 0

    def test_a_free_port_is_kept(self) -> None:
        port = free_port("127.0.0.1", 0)
        assert free_port("127.0.0.1", port) == port

    def test_a_taken_port_is_named(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(PortTakenError, match=f"port {port} on 127.0.0.1 is taken by another program"):
                free_port("127.0.0.1", port)

    def test_an_address_of_another_machine_is_refused(self) -> None:
        with pytest.raises(PortTakenError, match=r"cannot listen on 192\.0\.2\.1"):
            free_port("192.0.2.1", 0)


class TestServiceUrl:
    @pytest.mark.parametrize(
        ("host", "url"),
        [
            ("127.0.0.1", "http://127.0.0.1:80"),
            ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104 - formatted, not bound
            ("::", "http://[::1]:80"),
            ("localhost", "http://localhost:80"),
        ],
    )
    def test_it_can_be_opened_on_this_machine(self, host: str, url: str) -> None:
        assert service_url(host, 80) == url


class TestProbe:
    def test_nothing_there_is_no_status(self) -> None:
        status, said = probe("127.0.0.1", free_port("127.0.0.1", 0), "/readyz")
        assert status is None
        assert "refused" in said

    def test_a_proxy_in_the_environment_is_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://192.0.2.1:9")
        assert "refused" in probe("127.0.0.1", free_port("127.0.0.1", 0), "/readyz")[1]
