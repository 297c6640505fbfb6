import asyncio
from collections.abc import AsyncGenerator, Generator

import pytest
from starlette.types import Message

from app.streaming import GeneratedResponse, attachment

_SCOPE = {"type": "http", "asgi": {"spec_version": "2.3"}, "method": "GET"}


class _Client:
    """Takes so many pieces of an answer, then goes away."""

    def __init__(self, n_pieces: int) -> None:
        self._n_pieces = n_pieces
        self._gone = asyncio.Event()
        self.body = b""

    async def send(self, message: Message) -> None:
        self.body += message.get("body", b"")
        if message["type"] == "http.response.body" and message.get("body"):
            self._n_pieces -= 1
            if self._n_pieces == 0:
                self._gone.set()
                await asyncio.sleep(60)  # a full socket: the server waits here until the answer is cancelled

    async def receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}


class _Source:
    """Pieces without end that tell when they are closed."""

    def __init__(self) -> None:
        self.is_closed = False

    def pieces(self) -> Generator[bytes, None, None]:
        try:
            while True:
                yield b"x"
        finally:
            self.is_closed = True

    async def async_pieces(self) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"x"
        finally:
            await asyncio.sleep(0)
            self.is_closed = True


class TestGeneratedResponse:
    def test_the_whole_is_sent_in_order(self) -> None:
        async def run() -> bytes:
            client = _Client(-1)
            response = GeneratedResponse((piece for piece in (b"a", b"", b"b")), media_type="text/plain")
            await response(_SCOPE, client.receive, client.send)
            return client.body

        assert asyncio.run(run()) == b"ab"

    @pytest.mark.parametrize("kind", ["pieces", "async_pieces"])
    def test_a_client_that_vanishes_closes_the_source_at_once(self, kind: str) -> None:
        source = _Source()

        async def run() -> None:
            client = _Client(3)
            response = GeneratedResponse(getattr(source, kind)(), media_type="text/plain")
            await asyncio.wait_for(response(_SCOPE, client.receive, client.send), 5)
            assert source.is_closed
            assert client.body == b"xxx"

        asyncio.run(run())


class TestAttachment:
    def test_a_plain_name_is_told_as_it_is(self) -> None:
        assert attachment("a b.png") == "attachment; filename=\"a b.png\"; filename*=UTF-8''a%20b.png"

    @pytest.mark.parametrize("name", ['a"b.png', "a\r\nSet-Cookie: x.png", "\u65e5.png", "a\\b;c%d.png", "\ud800.png"])
    def test_no_name_can_leave_its_quotes(self, name: str) -> None:
        header = attachment(name)
        assert header.isascii()
        assert header.isprintable()
        assert header.count('"') == 2
