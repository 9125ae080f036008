"""Two agents' comparers over a real channel on loopback: what travels, what is found, what is kept."""

import asyncio
import json
import os
import shutil
import subprocess
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hafailover.group.events import DifferencesSaved, Event
from hafailover.runtime.peer_messages import HashAnswer, HashQuestion, PeerAnswer
from hafailover.runtime.settings import NetworkSettings
from hafailover.sim import pair
from hafailover.system import compare_work, comparing, kept_file
from hafailover.system.compare_work import DIGEST
from hafailover.system.comparing import COARSE, FINE, Comparer, cut, join
from hafailover.system.hash_exchange import ComparisonError, HashExchange
from hafailover.system.kept_file import KeptFileError, describe
from hafailover.system.peer_channel import PeerNetwork
from hafailover.system.peer_connection import Identity
from hafailover.system.putting_back import put_back
from hafailover.system.worker import Worker
from hafailover.units import Nanoseconds, seconds
from tests.system.conftest import Bench

if TYPE_CHECKING:
    from hafailover.group.settings import GroupSettings

SIZE = 3 * COARSE + 2 * FINE


class Side:
    """One node: its image, its end of the channel, its comparer."""

    def __init__(self, bench: Bench, node: str, directory: Path, port: int) -> None:
        own, other = ("127.0.0.1", "127.0.0.2") if node == "A" else ("127.0.0.2", "127.0.0.1")
        self.image = directory / f"{node}.img"
        # No byte is a letter: what a test writes always differs.
        self.image.write_bytes(bytes(each | 0x80 for each in os.urandom(16)) * (SIZE // 16))
        volume = replace(
            pair.group_settings(node).volumes[0], image=str(self.image), size_bytes=SIZE
        )
        self.group: GroupSettings = replace(pair.group_settings(node), volumes=(volume,))
        self.events: list[Event] = []
        self.worker = Worker(bench.loop, "comparing")
        self.network = PeerNetwork(
            NetworkSettings(name="lan", own_address=own, peer_address=other, interface="lo"),
            port=port,
            identity=Identity(node=node, peer="B" if node == "A" else "A", key=b"k" * 32),
            groups=(self.group.name,),
            feed=lambda *_: None,
        )
        self.exchange = HashExchange([self.network], [self.group], lambda: self.worker)
        self.comparer = Comparer(
            self.exchange,
            {self.group.name: self.group},
            directory=directory / f"kept-{node}",
            worker=lambda: self.worker,
            feed=lambda _group, event: self.events.append(event),
        )

    def write(self, offset: int, data: bytes) -> None:
        with self.image.open("r+b") as stream:
            stream.seek(offset)
            stream.write(data)


@pytest.fixture
def sides(bench: Bench, tmp_path: Path, free_port: int) -> Iterator[tuple[Side, Side]]:
    both = Side(bench, "A", tmp_path, free_port), Side(bench, "B", tmp_path, free_port)
    both[1].image.write_bytes(both[0].image.read_bytes())
    for side in both:
        bench.loop.run_until_complete(side.network.start())
    bench.until(lambda: all(side.network.is_connected_out for side in both), "the channel")
    yield both
    for side in both:
        side.comparer.close()
        side.exchange.close()
        side.worker.close()
        bench.loop.run_until_complete(side.network.close())


@pytest.fixture
def free_port() -> int:
    import socket  # noqa: PLC0415

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def compared(bench: Bench, side: Side) -> list[tuple[int, int]]:
    steps: list[tuple[str, int, int]] = []
    found = bench.loop.run_until_complete(
        side.comparer.compare(side.group.name, lambda *step: steps.append(step))
    )
    assert steps[-1][1] == steps[-1][2] == SIZE - 512
    return list(found[0].ranges)


def saved(bench: Bench, side: Side) -> DifferencesSaved:
    bench.loop.call_soon(side.comparer.save, side.group.name, 7, "split")
    bench.until(lambda: side.events, "the answer")
    event = side.events.pop()
    assert isinstance(event, DifferencesSaved)
    assert event.id == 7
    return event


def test_equal_copies_are_equal_but_for_the_sector_that_is_each_nodes_own(
    bench: Bench, sides: tuple[Side, Side]
) -> None:
    sides[0].write(SIZE - 512, b"\1" * 512)

    assert compared(bench, sides[0]) == []
    assert "no block differs" in saved(bench, sides[1]).text


def test_blocks_that_differ_are_found_and_neighbours_are_one(
    bench: Bench, sides: tuple[Side, Side]
) -> None:
    sides[1].write(FINE - 1, b"xy")
    sides[1].write(2 * COARSE + 10 * FINE, b"z")
    sides[0].write(SIZE - 513, b"?")

    wanted = [(0, 2 * FINE), (2 * COARSE + 10 * FINE, FINE), (SIZE - FINE, FINE - 512)]
    assert compared(bench, sides[0]) == wanted
    assert compared(bench, sides[1]) == wanted


def test_what_only_a_discarded_copy_holds_is_kept_and_can_be_put_back(
    bench: Bench, sides: tuple[Side, Side], tmp_path: Path
) -> None:
    winner, loser = sides
    loser.write(5 * FINE, b"only here")
    before = loser.image.read_bytes()

    event = saved(bench, loser)

    [path] = (tmp_path / "kept-B").iterdir()
    assert event.problem == ""
    assert str(path) in event.text
    assert path.stat().st_mode & 0o777 == 0o600
    row = describe(str(path))
    assert (row["bytes"], row["node"], row["kept"], row["reason"], row["problem"]) == (
        FINE,
        "B",
        "A",
        "split",
        "",
    )
    copy = tmp_path / "copy.img"
    copy.write_bytes(winner.image.read_bytes())
    assert put_back(str(path), str(copy), ()) == FINE
    assert copy.read_bytes() == before[:-512] + bytes(512)


def test_a_kept_file_that_is_not_whole_is_not_put_back(
    bench: Bench, sides: tuple[Side, Side], tmp_path: Path
) -> None:
    sides[1].write(0, b"only here")
    saved(bench, sides[1])
    [path] = (tmp_path / "kept-B").iterdir()
    whole = path.read_bytes()
    image = tmp_path / "copy.img"
    image.write_bytes(bytes(SIZE))

    for damaged in (whole[:-1], whole[:-60], whole.replace(b"only here", b"only herE"), b"what?"):
        path.write_bytes(damaged)
        assert describe(str(path))["problem"]
        with pytest.raises(KeptFileError):
            put_back(str(path), str(image), ())
    assert image.read_bytes() == bytes(SIZE)


def test_nothing_is_kept_where_there_is_no_room(bench: Bench, sides: tuple[Side, Side]) -> None:
    sides[1].write(0, b"only here")
    (sides[1].image.parent / "kept-B").write_text("a file where the directory should be")

    assert "cannot be kept" in saved(bench, sides[1]).problem


def watched(
    monkeypatch: pytest.MonkeyPatch, side: Side, before: Callable[[str], object]
) -> list[tuple[str, int]]:
    """Call ``before`` with each operation of the worker's; a future that it returns is the answer."""
    asked: list[tuple[str, int]] = []
    call = side.worker.call

    def ask(operation: str, arguments: dict[str, object], deadline: Nanoseconds) -> object:
        asked.append((operation, deadline))
        found = before(operation)
        return found if isinstance(found, asyncio.Future) else call(operation, arguments, deadline)

    monkeypatch.setattr(side.worker, "call", ask)
    return asked


def test_how_long_keeping_may_take_grows_with_what_is_kept(
    bench: Bench, sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "_SLOW", 1)
    sides[1].write(0, b"only here")
    asked = watched(monkeypatch, sides[1], lambda _: None)

    assert saved(bench, sides[1]).problem == ""
    deadlines = dict(asked)
    assert deadlines["keep_blocks"] >= seconds(2 * FINE)
    assert deadlines["end_kept"] >= seconds(FINE)


def test_nothing_unfinished_is_left_of_what_could_not_be_kept(
    bench: Bench, sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loser = sides[1]
    loser.write(0, b"only here")
    begun: list[Path] = []

    def vanish(operation: str) -> None:
        if operation == "keep_blocks":
            begun.extend((tmp_path / "kept-B").iterdir())
            loser.image.unlink()

    watched(monkeypatch, loser, vanish)

    assert "cannot be kept" in saved(bench, loser).problem
    assert [path.suffix for path in begun] == [".part"]
    bench.until(lambda: not begun[0].exists(), "the unfinished file is gone")


def test_nothing_unfinished_is_left_at_the_end_of_the_agent(
    bench: Bench, sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loser = sides[1]
    loser.write(0, b"only here")
    begun: list[Path] = []

    def hang(operation: str) -> object:
        if operation != "keep_blocks":
            return None
        begun.extend((tmp_path / "kept-B").iterdir())
        return bench.loop.create_future()

    watched(monkeypatch, loser, hang)
    bench.loop.call_soon(loser.comparer.save, loser.group.name, 7, "split")
    bench.until(lambda: begun, "the unfinished file")

    loser.comparer.close()

    bench.until(lambda: not begun[0].exists(), "the unfinished file is gone")
    assert loser.events == []


def test_what_a_crash_left_unfinished_makes_room(
    bench: Bench, sides: tuple[Side, Side], tmp_path: Path
) -> None:
    kept = tmp_path / "kept-B"
    kept.mkdir()
    (kept / "web-sites-20260101T000000.kept.part").write_text("half")
    (kept / "web-sites-20260102T000000.kept").write_text("whole")
    sides[1].write(0, b"only here")

    assert saved(bench, sides[1]).problem == ""
    found = {path.name for path in kept.iterdir()}
    assert len(found) == 2
    assert "web-sites-20260102T000000.kept" in found
    assert not any(name.endswith(".part") for name in found)


def test_a_peer_that_is_not_there_is_named(bench: Bench, sides: tuple[Side, Side]) -> None:
    bench.loop.run_until_complete(sides[1].network.close())
    bench.until(lambda: not sides[0].network.is_connected_out, "the end of the connection")

    with pytest.raises(ComparisonError, match="not reached"):
        compared(bench, sides[0])


def test_an_image_that_cannot_be_read_is_named(bench: Bench, sides: tuple[Side, Side]) -> None:
    sides[1].image.unlink()

    with pytest.raises(ComparisonError, match="peer's copy of sites cannot be read"):
        compared(bench, sides[0])
    with pytest.raises(ComparisonError, match="this node's copy of sites cannot be read"):
        compared(bench, sides[1])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"volume": "other"}, "no volume"),
        ({"length": SIZE + 1}, "not in the image"),
        ({"offset": -1}, "not in the image"),
        ({"block": 0}, "not in the image"),
        ({"block": 1}, "too many"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    bench: Bench, sides: tuple[Side, Side], change: dict[str, object], problem: str
) -> None:
    question = HashQuestion(
        number=1, group="web", volume="sites", offset=0, length=4096, block=4096
    )
    question = replace(question, group=sides[0].group.name, **change)  # type: ignore[arg-type]
    answers: list[PeerAnswer] = []

    sides[0].network.on_question(question, answers.append)

    bench.until(lambda: answers, "the refusal")
    assert problem in answers[0].problem


def test_only_one_comparison_runs_at_a_time(bench: Bench, sides: tuple[Side, Side]) -> None:
    async def twice() -> None:
        first = asyncio.ensure_future(sides[0].comparer.compare("web", lambda *_: None))
        await asyncio.sleep(0)
        with pytest.raises(ComparisonError, match="under way"):
            await sides[0].comparer.compare("web", lambda *_: None)
        await first

    bench.loop.run_until_complete(twice())


def test_ranges_are_joined_and_cut() -> None:
    found = [(0, 4)]
    join(found, [(4, 4), (12, 4)])
    assert found == [(0, 8), (12, 4)]
    assert cut(((0, COARSE + 1),)) == [(0, COARSE), (COARSE, 1)]
    assert kept_file.END == 2**64 - 1


def test_copies_with_nothing_in_common_take_no_memory_by_the_block(
    bench: Bench, sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    comparer, group = sides[0].comparer, sides[0].group
    volume = replace(group.volumes[0], size_bytes=512 * COARSE)

    async def hashes(byte: bytes, length: int, block: int) -> bytes:
        return byte * DIGEST * -(-length // block)

    monkeypatch.setattr(comparer._exchange, "own", lambda _g, _v, _o, *it: hashes(b"0", *it))
    monkeypatch.setattr(comparer._exchange, "theirs", lambda _g, _v, _o, *it: hashes(b"1", *it))
    tracemalloc.start()
    try:
        compared = comparer._compare(group.name, volume, lambda *_: None)
        found = bench.loop.run_until_complete(compared)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found.ranges == ((0, 512 * COARSE - 512),)
    assert peak < COARSE


def two_volumes(side: Side) -> None:
    second = replace(side.group.volumes[0], name="other", image=f"{side.image}2")
    Path(second.image).write_bytes(side.image.read_bytes())
    side.group = replace(side.group, volumes=(*side.group.volumes, second))
    side.comparer._groups = {side.group.name: side.group}
    side.exchange._images[side.group.name, second.name] = second


def test_without_room_for_all_volumes_none_is_kept(
    bench: Bench, sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for side in sides:
        two_volumes(side)
    loser = sides[1]
    for image in (loser.image, Path(f"{loser.image}2")):
        with image.open("r+b") as stream:
            stream.write(b"only here")
    needs: list[object] = []
    call = loser.worker.call

    def ask(operation: str, arguments: dict[str, object], deadline: Nanoseconds) -> object:
        needs.extend([arguments["needs"]] if operation == "begin_kept" else [])
        return call(operation, arguments, deadline)

    monkeypatch.setattr(loser.worker, "call", ask)

    assert saved(bench, loser).problem == ""
    assert needs == [2 * (FINE + 12), FINE + 12]
    assert len(list((tmp_path / "kept-B").iterdir())) == 2


def test_a_clock_that_was_set_back_costs_no_kept_file(
    bench: Bench, sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("time.strftime", lambda _: "20261025T023000")
    sides[1].write(0, b"only here")
    assert saved(bench, sides[1]).problem == ""
    [path] = (tmp_path / "kept-B").iterdir()
    before = path.read_bytes()
    sides[1].write(0, b"then this")

    assert "exists" in saved(bench, sides[1]).problem
    assert path.read_bytes() == before


def test_an_answer_that_is_no_hash_ends_the_saving_with_a_reason(
    bench: Bench, sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scrawl(*_: object) -> HashAnswer:
        return HashAnswer(number=1, hashes="no hash")

    monkeypatch.setattr(sides[1].exchange, "_answer_to", scrawl)

    assert "is no hash" in saved(bench, sides[1]).problem


def test_the_directory_of_what_is_kept_is_durable_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(compare_work, "sync_directory", synced.append)

    compare_work.begin_kept(path=str(tmp_path / "kept" / "x.kept"), header={}, needs=0)

    assert synced == [str(tmp_path)]


def test_the_files_there_are_named_on_both_sides(
    bench: Bench, sides: tuple[Side, Side], tmp_path: Path
) -> None:
    makefs = shutil.which("makefs")
    if makefs is None:
        pytest.skip("needs makefs")
    tree = tmp_path / "tree"
    tree.mkdir()
    for side, text in zip(sides, ("of a", "of b"), strict=True):
        (tree / f"only-{side.group.node}").write_text(text)
        argv = [makefs, "-t", "ffs", "-o", "version=2", "-s", "3m", str(side.image), str(tree)]
        subprocess.run(argv, check=True, capture_output=True)
        os.truncate(side.image, SIZE)

    [found] = bench.loop.run_until_complete(sides[0].comparer.compare("web", lambda *_: None))

    for (text, problem), wanted in (
        (found.own_files, {"/", "only-A"}),
        (found.their_files, {"/", "only-A", "only-B"}),
    ):
        assert problem == ""
        assert wanted <= {each["path"] for each in json.loads(text)["files"]}


def test_without_a_file_system_the_blocks_are_all_that_is_known(
    bench: Bench, sides: tuple[Side, Side]
) -> None:
    sides[0].write(0, b"x")

    [found] = bench.loop.run_until_complete(sides[0].comparer.compare("web", lambda *_: None))

    assert found.ranges == ((0, FINE),)
    assert "no UFS2" in found.own_files[1]
    assert "no UFS2" in found.their_files[1]
