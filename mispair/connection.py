"""One HTTP connection to a server: every failure of the wire becomes a `MispairError`."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2

from mispair.client_file import ServerAddress
from mispair.errors import MispairError, RefusedError, UnexpectedAnswerError, UnreachableError

_TIMEOUT = httpx2.Timeout(60.0, connect=10.0)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

Parameters = Mapping[str, str | int | float | bool | None]


class Connection:
    """Sends requests with the key and turns problem+json into `RefusedError`.

    Args:
        address: where, and the key.
        transport: replaces the network; for tests.
    """

    def __init__(self, address: ServerAddress, transport: httpx2.BaseTransport | None = None) -> None:
        self._address = address
        try:
            self._http = httpx2.Client(
                base_url=address.url,
                headers={"Authorization": f"Bearer {address.key}"},
                timeout=_TIMEOUT,
                transport=transport,
                # A proxy set for the outside must not get what is meant for this machine.
                trust_env=httpx2.URL(address.url).host not in _LOOPBACK,
            )
        except httpx2.InvalidURL as error:
            raise UnreachableError(f"{address.url!r} is no server address: {error}") from error

    def close(self) -> None:
        """Close the sockets."""
        self._http.close()

    def request(self, method: str, path: str, **options: Any) -> object:  # Any: httpx2's own keyword arguments
        """Send one request and return the decoded JSON body, or None where the answer has none.

        Raises:
            RefusedError: the server said no.
            UnreachableError: nothing answered.
            UnexpectedAnswerError: the answer is no JSON.
        """
        with self.stream(method, path, **options) as response:
            body = response.read()
        if not body:
            return None
        try:
            decoded: object = json.loads(body)
        except ValueError as error:
            raise UnexpectedAnswerError(
                f"{method} {path} answered {response.status_code} with a body that is no JSON"
            ) from error
        return decoded

    @contextmanager
    def stream(self, method: str, path: str, **options: Any) -> Iterator[httpx2.Response]:  # Any: as above
        """Send one request and give the response with its body unread; an error status has raised already."""
        if "params" in options:
            options["params"] = _without_unset(options["params"])
        with self._translated(), self._http.stream(method, path, **options) as response:
            if not response.is_success:
                response.read()
                raise _failure(method, path, response)
            yield response

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            raise UnreachableError(
                f"{self._address.url!r} is no server address; it looks like http://127.0.0.1:8000"
            ) from error
        except httpx2.ConnectError as error:
            raise UnreachableError(f"no server answers at {self._address.url} ({error})") from error
        except httpx2.TimeoutException as error:
            raise UnreachableError(f"the server at {self._address.url} did not answer in time") from error
        except httpx2.TransportError as error:
            raise UnreachableError(f"the connection to {self._address.url} broke ({error})") from error


def _without_unset(parameters: Parameters) -> dict[str, str | int | float | bool]:
    return {name: value for name, value in parameters.items() if value is not None}


def _failure(method: str, path: str, response: httpx2.Response) -> MispairError:
    status = response.status_code
    retry_after = response.headers.get("Retry-After")
    try:
        problem = json.loads(response.content)
    except ValueError:
        problem = None
    if isinstance(problem, dict) and status >= httpx2.codes.BAD_REQUEST:
        return RefusedError.from_problem(status, problem, retry_after)
    refusal = RefusedError.from_problem(status, {}, retry_after)
    # A gateway before the server answers its own pages while the server restarts: worth waiting for all the same.
    if refusal.is_temporary:
        return refusal
    return UnexpectedAnswerError(f"{method} {path} answered {status}, which is no answer of a Mispair server")
