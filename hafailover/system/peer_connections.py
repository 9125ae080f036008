"""How does one connection of the peer channel behave, the one that goes out and the one that comes in?

Only the newest report matters. Of each group at most one report is on its way without having been acknowledged, and
at most one waits: the next one replaces it. So nothing old ever queues up behind a slow link, and a link that stalls
is noticed by who sends, on any operating system. What only repeats the report before it is said in a few bytes, and
acknowledged in those that go the other way: that is all a healthy pair says.
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from hafailover.group.report import GroupReport, renumbered, says_the_same
from hafailover.override import override
from hafailover.runtime.peer_messages import (
    AckMessage,
    AgainMessage,
    FilesAnswer,
    FilesQuestion,
    HashAnswer,
    HashQuestion,
    NotUnderstood,
    PeerAnswer,
    Question,
    ReportMessage,
    Taken,
    decode_payload,
    encode_ack,
    encode_again,
    encode_answer,
    encode_question,
    encode_report,
)
from hafailover.runtime.peer_wire import (
    Fault,
    PeerWire,
)
from hafailover.system.peer_connection import PeerConnection

if TYPE_CHECKING:
    import asyncio

STALL_S: Final = 1.0
"""A report unacknowledged for so long means a new connection: TCP's own retries get rare."""
ACK_PERIOD_S: Final = 0.4
"""Where no repetition of our own can carry it, an acknowledgement of the peer's goes with our next report so often."""
ACK_LATEST_S: Final = 0.7
"""So long that is waited for; well below the stall, or a healthy link would look like one."""
AGAIN_MAX: Final = 8
"""So many repetitions of one group may be on their way without having been acknowledged.

Half as many are acknowledged at once, or short heartbeats would have to wait for the acknowledgement.
"""
WRITE_BUFFER_MAX: Final = 256 * 1024


class OutgoingConnection(PeerConnection):
    """Carries our reports; is given up when acknowledgements stall."""

    def __init__(
        self,
        wire: PeerWire,
        *,
        newest: dict[str, GroupReport],
        owed: Callable[[], Taken | None],
        on_answer: Callable[[PeerAnswer], None],
        on_fault: Callable[[Fault], None],
        on_closed: Callable[[PeerConnection], None],
    ) -> None:
        """Make one; ``newest`` is emptied as reports go out, ``owed`` tells once what of the peer's was taken."""
        super().__init__(wire, on_fault=on_fault, on_closed=on_closed)
        self._newest = newest
        self._owed = owed
        self._said: dict[str, GroupReport] = {}
        """The last report of each group on this connection."""
        self._flying: deque[tuple[type[ReportMessage | AgainMessage], str]] = deque()
        self._reporting: set[str] = set()
        """Groups with a report on its way, repetitions aside."""
        self._on_answer = on_answer
        self._acknowledged = 0
        self._stall: asyncio.TimerHandle | None = None

    @override
    def became_ready(self) -> None:
        """Send what has been waiting."""
        self.flush()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching for acknowledgements."""
        if self._stall is not None:
            self._stall.cancel()
        super().connection_lost(exc)

    def flush(self) -> None:
        """Send the newest report of every group that has none on its way."""
        if not self.wire.is_ready or self.transport is None or self.transport.is_closing():
            return
        for group, report in list(self._newest.items()):
            said = self._said.get(group)
            if said is not None and says_the_same(report, said):
                if self._flying.count((AgainMessage, group)) < AGAIN_MAX:
                    payload = encode_again(group, report.sequence, self._owed())
                    self._send(AgainMessage, group, payload)
            elif group not in self._reporting:
                self._said[group] = report
                self._reporting.add(group)
                self._send(ReportMessage, group, encode_report(group, report))
        self._watch()

    def _send(self, kind: type[ReportMessage | AgainMessage], group: str, payload: bytes) -> None:
        assert self.transport is not None  # noqa: S101 - the caller looked
        del self._newest[group]
        self.transport.write(self.wire.seal(payload))
        self._flying.append((kind, group))

    def ask(self, question: Question) -> bool:
        """Send a question, if it can be sent now."""
        if not self.wire.is_ready or self.transport is None or self.transport.is_closing():
            return False
        self.transport.write(self.wire.seal(encode_question(question)))
        return True

    @override
    def got(self, payload: bytes) -> None:
        """Take an acknowledgement, or the answer to a question."""
        assert self.agreed is not None  # noqa: S101
        message = decode_payload(payload, strict=self.agreed.is_same_age)
        if isinstance(message, HashAnswer | FilesAnswer):
            self._on_answer(message)
        if isinstance(message, AckMessage):
            self._taken(message.count)

    def taken(self, said: Taken) -> None:
        """Take an acknowledgement that came over the other connection; one of an earlier connection says nothing."""
        if said.of == self.wire.name:
            self._taken(said.count)

    def _taken(self, count: int) -> None:
        taken = min(count - self._acknowledged, len(self._flying))
        for _ in range(taken):
            kind, group = self._flying.popleft()
            if kind is ReportMessage:
                self._reporting.discard(group)
        self._acknowledged += max(taken, 0)
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        self.flush()

    def _watch(self) -> None:
        if self._flying and self._stall is None:
            self._stall = self._loop.call_later(STALL_S, self.abort)


class IncomingConnection(PeerConnection):
    """Carries the peer's reports; each is acknowledged."""

    def __init__(
        self,
        wire: PeerWire,
        *,
        on_ready: Callable[["IncomingConnection"], None],
        on_report: Callable[[ReportMessage], None],
        on_taken: Callable[[Taken], None],
        on_question: Callable[[Question, Callable[[PeerAnswer], None]], None],
        on_fault: Callable[[Fault], None],
        on_garbage: Callable[[str], None],
        on_closed: Callable[[PeerConnection], None],
    ) -> None:
        super().__init__(wire, on_fault=on_fault, on_closed=on_closed)
        self._on_ready = on_ready
        self._on_report = on_report
        self._on_taken = on_taken
        self._on_question = on_question
        self._on_garbage = on_garbage
        self._taken = 0
        self._owed: Counter[str] = Counter()
        """Repetitions of each group that have not been acknowledged yet."""
        self._acknowledged_at = float("-inf")
        self._said: dict[str, GroupReport] = {}

    @override
    def became_ready(self) -> None:
        """Take the place of an earlier connection."""
        self._on_ready(self)

    @override
    def got(self, payload: bytes) -> None:
        """Take a report, and say so."""
        assert self.agreed is not None  # noqa: S101
        message = decode_payload(payload, strict=self.agreed.is_same_age)
        if isinstance(message, ReportMessage | NotUnderstood):
            # The latter too: who sent it must not believe that the link has stalled.
            self._taken += 1
            self._acknowledge()
        match message:
            case ReportMessage(group=group, report=report):
                self._said[group] = report
                self._on_report(message)
            case AgainMessage():
                self._take_again(message)
            case NotUnderstood(group=group, problem=problem):
                # It replaced the report before it: what repeats it must not revive that one.
                self._said.pop(group, None)
                self._on_garbage(problem)
            case HashQuestion() | FilesQuestion():
                self._on_question(message, self._answer)
            case AckMessage() | HashAnswer() | FilesAnswer():
                self._on_garbage("an answer to nothing")

    def _take_again(self, message: AgainMessage) -> None:
        group, said = message.group, self._said.get(message.group)
        if message.taken is not None:
            self._on_taken(message.taken)
        self._taken += 1
        self._owed[group] += 1
        is_late = self._loop.time() - self._acknowledged_at >= ACK_LATEST_S
        if is_late or self._owed[group] >= AGAIN_MAX // 2:
            self._acknowledge()
        if said is None:
            self._on_garbage("a repetition of nothing")
        else:
            self._on_report(ReportMessage(group=group, report=renumbered(said, message.sequence)))

    def owed(self) -> Taken | None:
        """Return what has not been acknowledged yet, for a repetition that takes it along; None = nothing."""
        if not self._owed:
            return None
        self._owed.clear()
        self._acknowledged_at = self._loop.time()
        return Taken(of=self.wire.name, count=self._taken)

    def settle(self) -> None:
        """Acknowledge what has waited for company long enough."""
        if self._owed and self._loop.time() - self._acknowledged_at >= ACK_PERIOD_S:
            self._acknowledge()

    def _answer(self, answer: PeerAnswer) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(self.wire.seal(encode_answer(answer)))

    def _acknowledge(self) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() > WRITE_BUFFER_MAX:
            # It sends and does not read: no agent of ours does.
            self.abort()
            return
        self._owed.clear()
        self._acknowledged_at = self._loop.time()
        self.transport.write(self.wire.seal(encode_ack(self._taken)))
