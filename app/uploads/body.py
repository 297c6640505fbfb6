"""The body of a request, read with patience that ends."""

from anyio import move_on_after
from starlette.requests import ClientDisconnect
from starlette.types import Receive


class Body:
    """Reads chunks. Starlette's own iterator cannot go on after a wait that was given up."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_ended = False

    async def read(self, timeout_s: float) -> bytes | None:
        """The next chunk, which may be empty; None when none came in time.

        Raises:
            ClientDisconnect: the client is gone.
        """
        with move_on_after(max(0.0, timeout_s)):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            self.is_ended = not message.get("more_body", False)
            chunk: bytes = message.get("body", b"")
            return chunk
        return None
