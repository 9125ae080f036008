"""A node has a network, mounts, processes and a first process of its own, and dies whole."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hafailover.lab.node import Node
from hafailover.lab.plan import WEB_PAIR, Cut, Network
from hafailover.lab.supervisor import NodeSheet
from hafailover.lab.switch import Switch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.lab

LISTEN = """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5))
heard, ends = False, 0
while ends < 2:
    word = s.recv(2000)[14:].rstrip(bytes(1))
    heard, ends = heard or word == b"word", ends + (word == b"end")
print(heard)
"""
SPEAK = """
import socket, sys
for interface, target, word in (("lnc1", sys.argv[1], b"word"), ("lnc2", "ff" * 6, b"end")):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((interface, 0))
    own = s.getsockname()[4]
    try:
        s.send(bytes.fromhex(target) + own + bytes.fromhex("88b5") + word)
    except OSError:
        pass
"""


class Pair:
    def __init__(self, switch: Switch, a: Node, b: Node) -> None:
        self.switch, self.a, self.b = switch, a, b
        self.dead: list[Path] = []

    async def heard(self, source: Node, target: Node, *, everybody: bool) -> bool:
        """Return whether a frame of ``source`` on the LAN arrives at ``target``.

        Frames on the replication link follow each of them; the second of those ends the wait, and
        not the clock.
        """
        script = [sys.executable, "-c"]
        address = "ff" * 6 if everybody else await _mac(target)
        listening = asyncio.create_task(target.run(*script, LISTEN))
        while not listening.done():
            await source.run(*script, SPEAK, address)
        return (await listening).output.strip() == "True"


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return ""


async def _mac(node: Node) -> str:
    output = (await node.run("ifconfig", "lnc1")).output
    return output.partition("ether ")[2].split()[0].replace(":", "")


def _sheet(name: str, lab: Path, agent: list[str]) -> NodeSheet:
    machine = WEB_PAIR.node(name)
    return NodeSheet(
        name=name,
        home=str(lab / name),
        own=str(lab / "self"),
        ports=[(p.interface, [str(a) for a in p.addresses]) for p in machine.ports],
        gateway="",
        kernel=[],
        agent=agent,
        agent_waits=False,
        environment={
            "PATH": f"{lab / 'self' / 'bin'}:/usr/bin:/bin:/usr/sbin:/sbin",
            "PYTHONPATH": os.getcwd(),  # noqa: PTH109
        },
    )


@asynccontextmanager
async def pair(lab: Path, agent: tuple[str, ...] = ("sleep", "1000")) -> AsyncIterator[Pair]:
    (lab / "self").mkdir()
    async with Switch() as switch:
        dead: list[Path] = []
        nodes = [
            Node(WEB_PAIR.node(name), _sheet(name, lab, list(agent)), switch, dead.append)
            for name in "AB"
        ]
        await asyncio.gather(*(node.power_on() for node in nodes))
        both = Pair(switch, *nodes)
        both.dead = dead
        try:
            yield both
        finally:
            for node in nodes:
                await node.power_off()


def test_cables_carry_and_break_in_each_way(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        async with pair(tmp_path) as both:
            a, b, switch = both.a, both.b, both.switch
            for cut, a_to_b, b_to_a in (
                (None, True, True),
                (Cut.TO_NODE, True, False),
                (Cut.FROM_NODE, False, True),
                (Cut.SILENT, False, False),
                (Cut.CARRIER, False, False),
                (None, True, True),
            ):
                if cut is None:
                    await switch.heal("A", Network.LAN)
                else:
                    await switch.cut("A", Network.LAN, cut)
                for everybody in (True, False):
                    assert await both.heard(a, b, everybody=everybody) == a_to_b, cut
                    assert await both.heard(b, a, everybody=everybody) == b_to_a, cut
                carrier = "no carrier" if cut is Cut.CARRIER else "active"
                assert f"status: {carrier}" in (await a.run("ifconfig", "lnc1")).output

    in_own_namespaces(story)


def test_the_same_path_leads_each_node_to_its_own_directory(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        async with pair(tmp_path) as both:
            own = tmp_path / "self" / "root" / "mark"
            for node in (both.a, both.b):
                ended = await node.run("sh", "-c", f"hostname > {own}; cat {own}; exit 3")
                assert (ended.status, ended.output) == (3, f"{node.name}\n")
            assert (tmp_path / "A" / "root" / "mark").read_text() == "A\n"
            assert not own.exists()

    in_own_namespaces(story)


def test_the_agent_comes_back_after_a_crash_and_the_rest_lives_on(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        async with pair(tmp_path) as both:
            first = (await _until_agent(both.a, 1)).agent
            await both.a.run("sh", "-c", "setsid sleep 1000 &")
            await both.a.signal_agent(signal.SIGKILL)
            assert (await _until_agent(both.a, 2)).agent != first
            assert "ended with status 137" in (tmp_path / "A/var/log/agent.log").read_text()
            assert (await both.a.run("pgrep", "-c", "sleep")).output == "2\n"
            await both.a.signal_agent(signal.SIGKILL, restart=False)
            await asyncio.sleep(1.5)
            assert (await both.a.ask()).agent is None

    in_own_namespaces(story)


async def _until_agent(node: Node, starts: int) -> Any:
    while True:
        answer = await node.ask()
        if answer.agent_starts >= starts and answer.agent is not None:
            return answer
        await asyncio.sleep(0.05)


def test_power_off_leaves_nothing_and_power_on_begins_anew(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        async with pair(tmp_path) as both:
            await both.a.run("sh", "-c", "setsid sleep 1000 & setsid sleep 1000 &")
            pids = both.a.processes()
            assert len(pids) >= 4
            await both.a.power_off()
            assert not any(map(_state, pids))
            assert both.dead == [tmp_path / "A"]
            with pytest.raises(OSError, match=r"."):
                await both.a.run("true")
            await both.a.power_on()
            assert await both.heard(both.a, both.b, everybody=True)
            assert (await both.a.run("pgrep", "-c", "sleep")).output == "1\n"

    in_own_namespaces(story)


def test_power_that_is_cut_in_the_middle_of_a_start_ends_the_node(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        async with pair(tmp_path) as both:
            await both.a.power_off()
            starting = asyncio.create_task(both.a.power_on())
            await asyncio.sleep(0)
            await asyncio.wait_for(both.a.power_off(), 60)
            await starting
            assert both.a.pid is None
            await both.a.power_on()
            assert await both.heard(both.a, both.b, everybody=True)

    in_own_namespaces(story)


def test_a_frozen_node_does_not_even_answer_arp_and_goes_on_when_thawed(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        async with pair(tmp_path) as both:
            await both.a.freeze()
            # In the middle of a system call a process stops at its end; one that waits for a vfork
            # of its own waits for a child that stands still.
            while {_state(pid) for pid in both.a.processes()} - {"T", "D"}:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            ping = ["ping", "-c", "1", "-W", "1", "192.168.1.100"]
            assert (await both.b.run(*ping)).status != 0
            await both.a.thaw()
            assert (await both.a.run("true")).status == 0
            assert await both.heard(both.a, both.b, everybody=True)

    in_own_namespaces(story)


def test_a_command_past_its_deadline_is_ended(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        async with pair(tmp_path) as both:
            ended = await both.a.run("sh", "-c", "echo begun; sleep 1000", deadline_s=1.0)
            assert (ended.status, ended.output) == (124, "begun\n")

    in_own_namespaces(story)
