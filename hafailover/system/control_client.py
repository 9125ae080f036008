"""How does a command reach the running agent? Blocking, small, quick to import."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hafailover.errors import (
    AgentNotRunningError,
    ControlError,
    ControlTimeoutError,
    NotPermittedError,
    RequestRefusedError,
    VersionMismatchError,
)
from hafailover.runtime.control_protocol import DIVERGENCE, VERSION, encode_request

STATUS_S: Final = 5.0
COMPARE_S: Final = 180.0
"""So long nothing may come while copies are compared."""


class ControlClient:
    """One connection to the control socket."""

    def __init__(self, path: Path) -> None:
        """Connect.

        Raises:
            AgentNotRunningError: Nobody listens there.
            NotPermittedError: The socket is not ours to use.
        """
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(STATUS_S)
        self._buffer = b""
        try:
            self._socket.connect(str(path))
        except PermissionError as error:
            self._socket.close()
            raise NotPermittedError(f"talking to the agent through {path}") from error
        except OSError as error:
            self._socket.close()
            raise AgentNotRunningError(path) from error

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def ask(self, word: str, group: str | None, *, patience_s: float, **options: Any) -> Any:
        """Send a request and return the result.

        Raises:
            RequestRefusedError: The agent said no.
            ControlTimeoutError: It did not answer within ``patience_s``.
            ControlError: It hung up, or speaks another language.
        """
        self._socket.settimeout(patience_s)
        self._send(encode_request(word, group, **options))
        answer = self._line(patience_s)
        if answer.get("version") != VERSION:
            raise VersionMismatchError(VERSION, answer.get("version"))
        if not answer.get("ok"):
            raise RequestRefusedError(str(answer.get("problem", "refused without a reason")))
        return answer.get("result")

    def compare(self, group: str) -> Iterator[dict[str, Any]]:
        """Have the copies of a group compared: yields ``progress`` lines, and last the ``result``.

        Raises:
            ControlError: The agent is gone, does not answer, or refuses.
        """
        self._socket.settimeout(COMPARE_S)
        self._send(encode_request(DIVERGENCE, group))
        while True:
            answer = self._line(COMPARE_S)
            if "progress" in answer:
                yield {"progress": answer["progress"]}
                continue
            if not answer.get("ok"):
                raise RequestRefusedError(str(answer.get("problem", "refused without a reason")))
            yield {"result": answer["result"]}
            return

    def subscribe(
        self, group: str | None, *, patience_s: float = STATUS_S
    ) -> Iterator[dict[str, Any]]:
        """Yield what the agent says, until it hangs up.

        Raises:
            RequestRefusedError: There is no such group.
            ControlError: It hung up, or said nothing for a while.
        """
        self._send(encode_request("subscribe", group))
        self._socket.settimeout(patience_s)
        while True:
            message = self._line(patience_s)
            if message.get("ok") is False:
                raise RequestRefusedError(str(message.get("problem")))
            yield message

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise AgentNotRunningError(self._path) from error

    def _line(self, patience_s: float) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            try:
                chunk = self._socket.recv(65_536)
            except TimeoutError as error:
                raise ControlTimeoutError(
                    f"the agent did not answer within {patience_s:g} s",
                    hint="what was ordered may still be carried out: hafailover status",
                ) from error
            except OSError as error:
                raise AgentNotRunningError(self._path) from error
            if not chunk:
                raise ControlError("the agent hung up", hint="has it just ended? see its log")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        document = json.loads(line)
        if not isinstance(document, dict):
            raise ControlError("the agent answers in an unknown language")
        return document
