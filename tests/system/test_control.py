"""The control socket, from both ends."""

import asyncio
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from hafailover.errors import (
    AgentNotRunningError,
    ControlTimeoutError,
    RequestRefusedError,
    StoreError,
    VersionMismatchError,
)
from hafailover.group.events import OperatorAsked, OrderKind
from hafailover.sim import pair
from hafailover.system.comparing import Difference, Progress
from hafailover.system.control import ControlServer, OperatorPort
from hafailover.system.control_client import ControlClient
from hafailover.system.hash_exchange import ComparisonError
from hafailover.system.pauses import PauseStore
from hafailover.system.worker import Worker
from tests.system.conftest import Bench

Result = TypeVar("Result")


class Rig:
    """A server whose core is a list of orders."""

    def __init__(self, bench: Bench, directory: Path) -> None:
        self.bench = bench
        self.path = directory / "control.sock"
        self.worker = Worker(bench.loop, "pauses")
        self.pauses = PauseStore(bench.loop, self.worker, directory)
        self.orders: list[tuple[str, OperatorAsked]] = []
        self.is_large = False
        self.compared: list[str] = []
        self.operators = OperatorPort(
            self.pauses, lambda group, order: self.orders.append((group, order))
        )
        self.server = ControlServer(
            self.path,
            self.operators,
            groups=["g", "h"],
            status=self.status,
            state=self.state,
            compare=self.compare,
        )

    def state(self, group: str) -> dict[str, Any]:
        return {"state": {"of": group}}

    def status(self, group: str | None) -> dict[str, Any]:
        return {"groups": [{"group": name} for name in ("g", "h") if group in (None, name)]}

    async def compare(self, group: str, progress: Progress) -> tuple[Difference, ...]:
        if group == "h":
            raise ComparisonError("the peer's agent is not reached")
        progress("data", 1, 2)
        try:
            while self.is_large:
                await asyncio.sleep(0.01)
                progress("data", 1, 2)
        finally:
            self.compared.append(group)
        volume = replace(pair.group_settings("A").volumes[0], name="data", size_bytes=8192)
        return (Difference(volume=volume, ranges=((0, 4096),)),)

    def client(self, work: Callable[[ControlClient], Result]) -> "asyncio.Future[Result]":
        """Do blocking work with a client in a thread, while the loop serves it."""

        def visit() -> Result:
            client = ControlClient(self.path)
            try:
                return work(client)
            finally:
                client.close()

        return self.bench.loop.run_in_executor(self.pool, visit)

    pool = ThreadPoolExecutor(4)

    def ask(self, word: str, group: str | None = None, **options: Any) -> Any:
        return self.bench.loop.run_until_complete(
            self.client(lambda client: client.ask(word, group, patience_s=30.0, **options))
        )


@pytest.fixture
def rig(bench: Bench, tmp_path: Path) -> Iterator[Rig]:
    subject = Rig(bench, tmp_path)
    bench.loop.run_until_complete(subject.server.start())
    yield subject
    bench.loop.run_until_complete(subject.server.close())
    subject.worker.close()


def test_only_the_owner_may_connect(rig: Rig) -> None:
    assert stat.S_IMODE(rig.path.stat().st_mode) == 0o600


def test_the_umask_is_as_before(rig: Rig) -> None:
    mask = os.umask(0o022)
    os.umask(mask)
    assert mask != 0o177


def test_status_of_all_or_of_one(rig: Rig) -> None:
    assert rig.ask("status") == {"groups": [{"group": "g"}, {"group": "h"}]}
    assert rig.ask("status", "h") == {"groups": [{"group": "h"}]}


def test_an_unknown_group_is_said(rig: Rig) -> None:
    for word in ("status", "pause"):
        with pytest.raises(RequestRefusedError, match="there is no group 'x'; there are: g, h"):
            rig.ask(word, "x")


def test_an_order_waits_for_its_answer(rig: Rig) -> None:
    asking = rig.client(lambda client: client.ask("rejoin", "g", patience_s=30.0, seen_epoch=3))
    rig.bench.until(lambda: rig.orders)
    [(group, order)] = rig.orders
    assert (group, order.kind, order.seen_epoch) == ("g", OrderKind.REJOIN, 3)
    assert not asking.done()
    rig.operators.reply("g", order.id, "it is being rebuilt", accepted=True)
    assert rig.bench.loop.run_until_complete(asking) == {"text": "it is being rebuilt"}


def test_a_refusal_is_an_error_with_the_agents_sentence(rig: Rig) -> None:
    asking = rig.client(lambda client: client.ask("promote", "g", patience_s=30.0))
    rig.bench.until(lambda: rig.orders)
    rig.operators.reply("g", rig.orders[0][1].id, "the peer serves", accepted=False)
    with pytest.raises(RequestRefusedError, match="the peer serves"):
        rig.bench.loop.run_until_complete(asking)


def test_two_orders_get_each_its_own_answer(rig: Rig) -> None:
    one = rig.client(lambda client: client.ask("pause", "g", patience_s=30.0))
    rig.bench.until(lambda: len(rig.orders) == 1)
    two = rig.client(lambda client: client.ask("resume", "h", patience_s=30.0))
    rig.bench.until(lambda: len(rig.orders) == 2)
    ids = [order.id for _, order in rig.orders]
    assert len(set(ids)) == 2
    rig.operators.reply("h", ids[1], "second", accepted=True)
    rig.operators.reply("g", ids[0], "first", accepted=True)
    rig.operators.reply("g", 999, "nobody's", accepted=True)
    assert rig.bench.loop.run_until_complete(one) == {"text": "first"}
    assert rig.bench.loop.run_until_complete(two) == {"text": "second"}


def test_a_pause_is_answered_only_when_it_is_durable(rig: Rig) -> None:
    asking = rig.client(lambda client: client.ask("pause", "g", patience_s=30.0))
    rig.bench.until(lambda: rig.orders)
    rig.pauses.persist("g", 0, "r")
    rig.operators.reply("g", rig.orders[0][1].id, "paused", accepted=True)
    assert rig.pauses.load("g") is None
    assert rig.bench.loop.run_until_complete(asking) == {"text": "paused"}
    assert rig.pauses.load("g") == 0


def test_a_pause_that_cannot_be_kept_is_refused(rig: Rig) -> None:
    broken = PauseStore(rig.bench.loop, rig.worker, Path("/nonexistent"))
    rig.operators._pauses = broken
    asking = rig.client(lambda client: client.ask("pause", "g", patience_s=30.0))
    rig.bench.until(lambda: rig.orders)
    broken.persist("g", 0, "r")
    rig.operators.reply("g", rig.orders[0][1].id, "paused", accepted=True)
    with pytest.raises(RequestRefusedError, match="the pause is not durable"):
        rig.bench.loop.run_until_complete(asking)


def test_who_subscribes_sees_status_and_notes(rig: Rig) -> None:
    lines: list[dict[str, Any]] = []

    def listen(client: ControlClient) -> None:
        for line in client.subscribe("g"):
            lines.append(line)
            if "note" in line:
                return

    listening = rig.client(listen)
    rig.bench.until(lambda: lines, "the first status")
    rig.server.tell("g", "something happened")
    rig.bench.loop.run_until_complete(listening)
    assert lines[0]["status"] == {"groups": [{"group": "g"}]}
    assert lines[-1]["note"] == {"group": "g", "text": "something happened"}


def test_a_line_without_end_closes_only_its_own_connection(rig: Rig) -> None:
    def shout(client: ControlClient) -> bytes:
        client._socket.settimeout(30)
        try:
            client._socket.sendall(b"x" * 1_000_000)
            return client._socket.recv(1)
        except OSError:
            return b""

    assert rig.bench.loop.run_until_complete(rig.client(shout)) == b""
    assert rig.ask("status", "g")


def test_a_client_that_leaves_in_the_middle_harms_nobody(rig: Rig) -> None:
    asking = rig.client(
        lambda client: client._send(b'{"version":1,"request":"rejoin","group":"g"}\n')
    )
    rig.bench.loop.run_until_complete(asking)
    rig.bench.until(lambda: rig.orders)
    rig.operators.reply("g", rig.orders[0][1].id, "x", accepted=True)
    assert rig.ask("status", "g")


def test_a_socket_left_behind_is_no_agent(tmp_path: Path) -> None:
    with pytest.raises(AgentNotRunningError) as caught:
        ControlClient(tmp_path / "control.sock")
    assert caught.value.exit_status == 69
    assert "no agent answers at" in caught.value.message


def test_a_socket_that_cannot_be_made_is_said(bench: Bench, tmp_path: Path) -> None:
    rig = Rig(bench, tmp_path / "missing")
    with pytest.raises(StoreError, match="No such file"):
        bench.loop.run_until_complete(rig.server.start())


class Fake:
    """Something that answers with one prepared line, or not at all."""

    def __init__(self, bench: Bench, path: Path, line: bytes | None) -> None:
        self.line = line
        self.server = bench.loop.run_until_complete(asyncio.start_unix_server(self.serve, path))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        if self.line is not None:
            writer.write(self.line)
        await reader.read()
        writer.close()


def test_another_version_is_named(bench: Bench, tmp_path: Path) -> None:
    rig = Rig(bench, tmp_path)
    fake = Fake(bench, rig.path, json.dumps({"version": 2, "ok": True}).encode() + b"\n")
    with pytest.raises(
        VersionMismatchError, match="version 1 of the control protocol, the agent 2"
    ):
        rig.ask("status")
    fake.server.close()


def test_an_agent_that_does_not_answer_is_given_up(bench: Bench, tmp_path: Path) -> None:
    rig = Rig(bench, tmp_path)
    fake = Fake(bench, rig.path, None)
    asking = rig.client(lambda client: client.ask("status", None, patience_s=0.2))
    with pytest.raises(ControlTimeoutError, match="did not answer within"):
        bench.loop.run_until_complete(asking)
    fake.server.close()


def test_a_pause_ends_by_itself_when_its_time_is_over(rig: Rig, tmp_path: Path) -> None:
    ended: list[str] = []
    store = PauseStore(rig.bench.loop, rig.worker, tmp_path, ended=ended.append)

    store.persist("g", int(time.time()) + 1, "for a moment")
    rig.bench.until(lambda: ended)

    assert ended == ["g"]
    assert store.load("g") is None


def test_copies_are_compared_with_progress_and_a_result(rig: Rig) -> None:
    asking = rig.client(lambda client: list(client.compare("g")))
    lines = rig.bench.loop.run_until_complete(asking)

    assert lines[0] == {"progress": {"volume": "data", "done": 1, "total": 2}}
    row = lines[1]["result"]["volumes"][0]
    assert (row["differing_bytes"], row["size_bytes"], row["first_ranges"]) == (
        4096,
        8192,
        [[0, 4096]],
    )


def test_a_comparison_ends_with_whoever_asked_for_it(rig: Rig) -> None:
    rig.is_large = True
    asking = rig.client(lambda client: next(client.compare("g")))
    rig.bench.loop.run_until_complete(asking)

    rig.bench.until(lambda: rig.compared, "the comparison ended")


def test_a_comparison_that_cannot_be_made_says_why(rig: Rig) -> None:
    asking = rig.client(lambda client: list(client.compare("h")))
    with pytest.raises(RequestRefusedError, match="not reached"):
        rig.bench.loop.run_until_complete(asking)
