"""How do two agents ask each other for the hashes of their copies, and for the files there, over their channel?

One question at a time is on its way; it goes over the first network that has a way, replication last, since the data
travels there. The peer's question is worked off by a process of its own that takes its time; a second one waits.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from hafailover.group.settings import GroupSettings
from hafailover.runtime.peer_messages import (
    FilesAnswer,
    FilesQuestion,
    HashAnswer,
    HashQuestion,
    PeerAnswer,
    Question,
    pack_places,
    unpack_places,
)
from hafailover.system.peer_channel import PeerNetwork
from hafailover.system.worker import Worker
from hafailover.units import SECOND, Nanoseconds, seconds

BLOCKS_MAX: Final = 1024
"""So many hashes are in one answer at most."""
LENGTH_MAX: Final = 64 << 20
_PENDING_MAX: Final = 2
_DEADLINE: Final = seconds(30)
_ANSWER_S: Final = 40.0
PLACES_MAX: Final = 4000
"""So many places are looked up in one question at most."""
_FILES_DEADLINE: Final = seconds(120)
_FILES_ANSWER_S: Final = 130.0
_TRIES: Final = 3


class ComparisonError(Exception):
    """Two copies cannot be compared; the text says why, for a human."""


class HashExchange:
    """Asks the peer for hashes, answers its questions, and hashes this node's own images."""

    def __init__(
        self,
        networks: Iterable[PeerNetwork],
        groups: Iterable[GroupSettings],
        worker: Callable[[], Worker],
    ) -> None:
        """Take part in the channel; ``worker`` returns the process that hashes."""
        self._networks = sorted(networks, key=lambda each: each.network.name)
        self._images = {
            (group.name, volume.name): volume for group in groups for volume in group.volumes
        }
        self._worker = worker
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[PeerAnswer]] = {}
        self._answering = 0
        self._tasks: set[asyncio.Task[None]] = set()
        for network in self._networks:
            network.on_answer = self._take
            network.on_question = self._asked

    async def own(self, group: str, volume: str, offset: int, length: int, block: int) -> bytes:
        """Return the hashes of blocks of this node's copy.

        Raises:
            ComparisonError: The image cannot be read.
        """
        done = await self._hash(group, volume, offset, length, block)
        if isinstance(done, str):
            raise ComparisonError(f"this node's copy of {volume} cannot be read: {done}")
        return done

    async def theirs(self, group: str, volume: str, offset: int, length: int, block: int) -> bytes:
        """Return the hashes of blocks of the peer's copy.

        Raises:
            ComparisonError: The peer is not reached, it cannot read its image, or what it says is no hash.
        """
        number = next(self._numbers)
        question = HashQuestion(
            number=number, group=group, volume=volume, offset=offset, length=length, block=block
        )
        answer = await self._answer_to(question, _ANSWER_S, _TRIES)
        assert isinstance(answer, HashAnswer)  # noqa: S101 - to this number
        try:
            return bytes.fromhex(answer.hashes)
        except ValueError as error:
            problem = f"the peer's answer about {volume} is no hash: has it the same hafailover?"
            raise ComparisonError(problem) from error

    async def own_files(
        self, group: str, volume: str, ranges: Sequence[tuple[int, int]]
    ) -> tuple[str, str]:
        """Return JSON about the files of this node's copy in these ranges, and why there is none."""
        done = await self._files(group, volume, list(ranges))
        return done.text, done.problem

    async def their_files(
        self, group: str, volume: str, ranges: Sequence[tuple[int, int]]
    ) -> tuple[str, str]:
        """Return JSON about the files of the peer's copy in these ranges, and why there is none."""
        number, places = next(self._numbers), pack_places(ranges)
        question = FilesQuestion(number=number, group=group, volume=volume, places=places)
        try:
            answer = await self._answer_to(question, _FILES_ANSWER_S, 1)
        except ComparisonError as error:
            return "", str(error)
        assert isinstance(answer, FilesAnswer)  # noqa: S101 - to this number
        return answer.text, ""

    async def _answer_to(self, question: Question, patience_s: float, tries: int) -> PeerAnswer:
        """Ask until there is an answer, so many times.

        Raises:
            ComparisonError: There is none, or it says that nothing can be said.
        """
        problem = "the peer's agent is not reached"
        for _ in range(tries):
            future: asyncio.Future[PeerAnswer] = asyncio.get_running_loop().create_future()
            self._waiting[question.number] = future
            try:
                if not any(network.ask(question) for network in self._networks):
                    await asyncio.sleep(1.0)
                    continue
                answer = await asyncio.wait_for(future, patience_s)
            except TimeoutError:
                continue
            finally:
                self._waiting.pop(question.number, None)
            if not answer.problem:
                return answer
            problem = f"the peer's copy of {question.volume} cannot be read: {answer.problem}"
        raise ComparisonError(problem)

    def close(self) -> None:
        """Ask and answer no more."""
        for task in tuple(self._tasks):
            task.cancel()

    async def _hash(
        self, group: str, volume: str, offset: int, length: int, block: int
    ) -> bytes | str:
        arguments: dict[str, Any] = {
            "path": self._images[group, volume].image,
            "offset": offset,
            "length": length,
            "block": block,
        }
        answer = await self._worker().call("hash_blocks", arguments, Nanoseconds(_DEADLINE))
        return answer.result["hashes"] if answer.is_done else answer.problem

    async def _files(self, group: str, volume: str, ranges: list[tuple[int, int]]) -> FilesAnswer:
        arguments = {"path": self._images[group, volume].image, "ranges": ranges}
        answer = await self._worker().call("files_of", arguments, Nanoseconds(_FILES_DEADLINE))
        if answer.is_done:
            return FilesAnswer(number=0, text=answer.result["text"])
        return FilesAnswer(number=0, problem=answer.problem)

    def _take(self, answer: PeerAnswer) -> None:
        future = self._waiting.get(answer.number)
        if future is not None and not future.done():
            future.set_result(answer)

    def _asked(self, question: Question, answer: Callable[[PeerAnswer], None]) -> None:
        problem = self._refusal(question)
        if problem:
            kind = HashAnswer if isinstance(question, HashQuestion) else FilesAnswer
            answer(kind(number=question.number, problem=problem))
            return
        self._answering += 1
        task = asyncio.get_running_loop().create_task(self._answer(question, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, question: Question, answer: Callable[[PeerAnswer], None]) -> None:
        try:
            if isinstance(question, FilesQuestion):
                ranges = unpack_places(question.places)
                found = await self._files(question.group, question.volume, ranges)
                answer(replace(found, number=question.number))
                return
            done = await self._hash(
                question.group, question.volume, question.offset, question.length, question.block
            )
        finally:
            self._answering -= 1
        if isinstance(done, str):
            answer(HashAnswer(number=question.number, problem=done))
        else:
            answer(HashAnswer(number=question.number, hashes=done.hex()))

    def _refusal(self, question: Question) -> str:
        volume = self._images.get((question.group, question.volume))
        if volume is None:
            return f"there is no volume {question.group}/{question.volume} here"
        is_sane = isinstance(question, FilesQuestion) or (
            question.block > 0
            and 0 < question.length <= LENGTH_MAX
            and -(-question.length // question.block) <= BLOCKS_MAX
            and question.offset >= 0
            and question.offset + question.length <= volume.size_bytes
        )
        if not is_sane:
            return "these blocks are not in the image, or they are too many"
        return "too many questions at a time" if self._answering >= _PENDING_MAX else ""


assert _FILES_ANSWER_S * SECOND > _FILES_DEADLINE  # noqa: S101 - the same
assert _ANSWER_S * SECOND > _DEADLINE  # noqa: S101 - the peer answers for its own deadline first
