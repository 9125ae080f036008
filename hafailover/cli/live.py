"""``hafailover status --watch``: the status, drawn again whenever the agent says something."""

import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from hafailover.cli.live_text import NOTES, render_live
from hafailover.errors import ControlError, RequestRefusedError, VersionMismatchError
from hafailover.system.control_client import ControlClient

_RETRY_S: Final = 1.0
_ENTER: Final = "\x1b[?1049h\x1b[?25l"
_LEAVE: Final = "\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_END_OF_LINE: Final = "\x1b[K"
_REST: Final = "\x1b[J"


def wants_colour() -> bool:
    """Whether standard output is a terminal whose user has not said no (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def watch(path: Path, group: str | None) -> None:
    """Show the status until interrupted; wait for an agent that is not there.

    On a terminal the page is drawn over the last one; elsewhere it is printed again when it says
    something else, ages aside.
    """
    notes: deque[str] = deque(maxlen=NOTES)
    show = _draw if sys.stdout.isatty() else _Printer().show
    with _screen():
        while True:
            try:
                client = ControlClient(path)
                try:
                    for message in client.subscribe(group):
                        _take(message, notes, show)
                finally:
                    client.close()
            except (RequestRefusedError, VersionMismatchError):
                raise
            except ControlError as error:
                show(f"{time.strftime('%H:%M:%S')}  {error.message}\n{error.hint}\n\nwaiting ...")
                time.sleep(_RETRY_S)


def _take(message: dict[str, Any], notes: deque[str], show: Any) -> None:
    if "note" in message:
        note = message["note"]
        notes.append(f"{time.strftime('%H:%M:%S')}  {note['group']}: {note['text']}")
    elif "status" in message:
        width = shutil.get_terminal_size((80, 24)).columns
        clock = time.strftime("%H:%M:%S") if sys.stdout.isatty() else ""
        page = render_live(
            message["status"], notes, width=width, clock=clock, colour=wants_colour()
        )
        show(page)


def _draw(page: str) -> None:
    height = shutil.get_terminal_size((80, 24)).lines
    lines = page.splitlines()[: height - 1]
    body = "".join(f"{line}{_END_OF_LINE}\n" for line in lines)
    click.echo(f"{_HOME}{body}{_REST}", nl=False, color=True)


class _Printer:
    """Prints a page when it differs from the last one in more than its ages."""

    def __init__(self) -> None:
        self._last = ""

    def show(self, page: str) -> None:
        """Print the page, if it says something new."""
        plain = "".join(each for each in page if not each.isdigit())
        if plain != self._last:
            self._last = plain
            click.echo(f"{time.strftime('%H:%M:%S')}\n{page}\n")


@contextmanager
def _screen() -> Iterator[None]:
    """Give the terminal's other screen to the page, and the old one back at the end."""
    is_terminal = sys.stdout.isatty()
    if is_terminal:
        click.echo(_ENTER, nl=False, color=True)
    try:
        yield
    finally:
        if is_terminal:
            click.echo(_LEAVE, nl=False, color=True)
