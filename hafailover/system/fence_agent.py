"""How is a fence agent called, and when does it prove that a node has no power?

By the convention of the ClusterLabs agents (FenceAgentAPI): ``name=value`` lines on standard input,
``action`` among them; ``status`` ends with 0 if the node is on, with 2 if it is off, with 1 if the
device could not be asked. A shell or an interpreter that fails ends with 2 as well, so the word must
be said too: the agents' own library prints ``Status: OFF``. A script that explains how it is called
ends with 2, too, and names both words: that says nothing. What ``off`` itself ends with proves
nothing.
"""

import asyncio
import re
from collections.abc import Mapping
from enum import Enum
from typing import Final

from hafailover.arbiter.answers import IsOff, IsOn, NotOff, Unknown
from hafailover.runtime.settings import FenceAgentSettings
from hafailover.system.child import Ended
from hafailover.system.runner import GIVEN_BYTES_MAX, Runner
from hafailover.units import Nanoseconds, seconds

AGAIN_S: Final = 0.5
"""Between two looks at a device that does not say yet what is waited for."""
_OFF: Final = re.compile(r"\boff\b", re.IGNORECASE)
_STATUS_OFF: Final = re.compile(r"\bstatus:\s*off\b", re.IGNORECASE)
_ON: Final = re.compile(r"\bon\b", re.IGNORECASE)
_SECRET: Final = re.compile(r"pass|secret|token|key|community|auth|login|user", re.IGNORECASE)
_TEXT_MAX: Final = 200
_LEAST: Final = seconds(0.1)
"""Less is given to no run of the agent."""


class Power(Enum):
    """What a device says of a node."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


class FenceAgent:
    """The configured command, for both nodes."""

    def __init__(self, runner: Runner, settings: FenceAgentSettings) -> None:
        self._runner = runner
        self._settings = settings
        self._options = {node: dict(options) for node, options in settings.options}

    async def power_off(self, node: str) -> IsOff | NotOff | Unknown:
        """Power ``node`` off and have the device prove it, within the deadline."""
        reached, said = await self._bring(node, "off", Power.OFF)
        if reached is Power.OFF:
            return IsOff()
        return NotOff(reason=said) if reached is Power.ON else Unknown(reason=said)

    async def power_on(self, node: str) -> IsOn | NotOff | Unknown:
        """Power ``node`` on and have the device say so, within the deadline."""
        reached, said = await self._bring(node, "on", Power.ON)
        if reached is Power.ON:
            return IsOn()
        return NotOff(reason=said) if reached is Power.OFF else Unknown(reason=said)

    async def status(self, node: str, deadline: Nanoseconds) -> tuple[Power, str]:
        """Return what the device says of ``node``, and how it said so."""
        ended = await self.run(node, "status", deadline)
        output = ended.stdout.decode("utf-8", "replace")
        if ended.status == 2 and _says_off(output):
            return Power.OFF, "status: off"
        if ended.status == 0:
            words = "status: on" if _ON.search(output) else "status: 0, without the word on"
            return Power.ON, words
        return Power.UNKNOWN, self._said(node, "status", ended)

    async def run(self, node: str, action: str, deadline: Nanoseconds) -> Ended:
        """Run the agent once."""
        options = {**self._options.get(node, {}), "action": action}
        text = "".join(f"{name}={value}\n" for name, value in options.items()).encode()
        if len(text) > GIVEN_BYTES_MAX:
            return Ended(
                status=None, problem=f"the options are longer than {GIVEN_BYTES_MAX} bytes"
            )
        answer: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

        def done(ended: Ended) -> None:
            # Who asked may have been told to wait no longer.
            if not answer.done():
                answer.set_result(ended)

        self._runner.start(self._settings.command, deadline=deadline, done=done, given=text)
        return await answer

    async def _bring(self, node: str, action: str, wanted: Power) -> tuple[Power, str]:
        """Order and look, again and again, until it is so or the time is over."""
        loop = asyncio.get_running_loop()
        whole = self._settings.deadline
        end = loop.time() + whole / 1e9

        def left(part: int) -> Nanoseconds:
            remaining = round((end - loop.time()) * 1e9)
            return Nanoseconds(max(_LEAST, min(remaining, part)))

        power, said = Power.UNKNOWN, ""
        while end - loop.time() > 2 * _LEAST / 1e9:
            # Never all of the time: a device that hangs over the order may yet be looked at.
            ended = await self.run(node, action, left(whole // 2))
            ordered = self._said(node, action, ended)
            power, looked = await self.status(node, left(whole // 4))
            said = f"{ordered}; {looked}"
            if power is wanted:
                break
            await asyncio.sleep(min(AGAIN_S, max(0.0, end - loop.time())))
        return power, said

    def _said(self, node: str, action: str, ended: Ended) -> str:
        """Return how a run ended, for people: no value of a secret option is in it."""
        if ended.problem:
            return f"{action}: {ended.problem}"
        words = (ended.stderr or ended.stdout).decode("utf-8", "replace")
        text = " ".join(without_secrets(words, self._options.get(node, {})).split())
        return f"{action}: exit status {ended.status}" + (f", {text[-_TEXT_MAX:]}" if text else "")


def _says_off(words: str) -> bool:
    """Whether it is a report that a node is off, and no line of help in which "on" stands as well."""
    return bool(_STATUS_OFF.search(words) or (_OFF.search(words) and not _ON.search(words)))


def without_secrets(text: str, options: Mapping[str, str]) -> str:
    """Return a text of an agent's with the values of options that sound secret blotted out."""
    for name, value in options.items():
        if value and _SECRET.search(name):
            text = text.replace(value, "***")
    return text
