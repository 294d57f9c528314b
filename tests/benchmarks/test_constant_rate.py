"""The client of the benchmark that asks at a constant rate, against real servers on this machine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from benchmarks.serving.constant_rate import MOST_CONNECTIONS, Answer, ConstantRate

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BODY = b'{"features": {}}'


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[int]:
    """A server on a free port, and the port."""
    connections: list[asyncio.Task[None]] = []

    async def until_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.append(task)
        with suppress(asyncio.IncompleteReadError):  # the client hung up, as it should in the end
            await handler(reader, writer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(until_the_end, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await asyncio.gather(*connections)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(len(BODY))


def ask(handler: Handler, *, rate: int, seconds: float) -> list[Answer]:
    async def load() -> list[Answer]:
        async with served(handler) as port:
            client = ConstantRate(port, "/predict", BODY, rate=rate)
            running = asyncio.create_task(client.run())
            await asyncio.sleep(seconds)
            client.stop()
            await running
            return client.answers

    return asyncio.run(load())


def test_every_request_of_the_schedule_is_asked_and_answered() -> None:
    bodies = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            bodies.append(await read_request(reader))
            writer.write(REPLY)

    answers = ask(answer, rate=200, seconds=1.0)
    # The loop may begin late, but it catches up: at most the last tick is missing.
    assert 180 <= len(answers) <= 202
    assert {(entry.status, entry.body) for entry in answers} == {(200, b"{}")}
    assert set(bodies) == {BODY}


def test_a_connection_that_the_server_closes_between_requests_is_no_error() -> None:
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(REPLY)

    answers = ask(answer_once, rate=50, seconds=0.6)
    assert {entry.status for entry in answers} == {200}


def test_a_request_that_the_server_hangs_up_on_counts_as_not_answered() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)

    answers = ask(hang_up, rate=50, seconds=0.6)
    assert len(answers) >= 20
    assert {entry.status for entry in answers} == {0}


def test_requests_go_on_while_the_server_is_slow_and_their_wait_counts() -> None:
    open_at_once = 0
    most = 0

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_at_once, most
        open_at_once += 1
        most = max(most, open_at_once)
        while True:
            await read_request(reader)
            await asyncio.sleep(0.5)
            writer.write(REPLY)

    answers = ask(answer_late, rate=1000, seconds=1.0)
    assert most == MOST_CONNECTIONS
    assert {entry.status for entry in answers} == {200}
    assert min(entry.seconds for entry in answers) >= 0.5
    # 1,000 a second come and 512 are answered: the last ones wait for the ones before them.
    assert max(entry.seconds for entry in answers) >= 0.9
