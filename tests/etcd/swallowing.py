"""A way to etcd on which answers get lost after they were given."""

import asyncio

from hafailover.override import override


class SwallowingProxy:
    """Forwards bytes to a member; while ``swallows``, what comes back ends here and the line drops."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = 0
        self.swallows = False
        self.swallowed = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        back = asyncio.create_task(self._bring_back(far_reader, writer))
        try:
            while data := await reader.read(65536):
                far_writer.write(data)
        except OSError:
            pass
        finally:
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)
            far_writer.transport.abort()
            writer.transport.abort()

    async def _bring_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._hold_up()
            if self.swallows:
                self.swallowed += 1
                writer.transport.abort()
                return
            writer.write(data)

    async def _hold_up(self) -> None:
        """Take no time."""


class SlowProxy(SwallowingProxy):
    """Every answer takes its time."""

    def __init__(self, port: int, delay_s: float) -> None:
        super().__init__(port)
        self._delay_s = delay_s

    @override
    async def _hold_up(self) -> None:
        await asyncio.sleep(self._delay_s)
