"""The API's address: whether it is free, and whether the service behind it is ready."""

import errno
import http.client
import socket

from app.core.embedded.errors import PortTakenError

_PROBE_TIMEOUT_S = 2.0


def free_port(host: str, port: int) -> int:
    """Check that the API will be able to listen, before anything is started.

    Args:
        host: a name or an address of this machine.
        port: 0 lets the system choose.

    Returns:
        The port to use.

    Raises:
        PortTakenError: the address is in use, not allowed, or not of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As the API does: a connection of an earlier run that is still closing does not count, a listener does.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise PortTakenError(_refusal(host, port, error)) from error


def reachable_host(host: str) -> str:
    """The address under which this machine reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def service_url(host: str, port: int) -> str:
    """The URL to show to a person on this machine."""
    name = reachable_host(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def probe(host: str, port: int, path: str) -> tuple[int | None, str]:
    """Ask once; never through a proxy, which the environment could name.

    Returns:
        The HTTP status, or None where nothing answered, and what was said.
    """
    connection = http.client.HTTPConnection(reachable_host(host), port, timeout=_PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(500).decode("utf-8", errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return None, str(error)
    finally:
        connection.close()


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken by another program: stop that one, or choose another port"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} is not allowed for this user: choose a port from 1024 up"
    return f"the API cannot listen on {host} port {port}: {error.strerror or error}"
