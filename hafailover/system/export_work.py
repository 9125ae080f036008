"""What a worker does for an export session: a directory of its own, a path of its own, its exports.

ggated compares the path that a client asks for with its exports file as text (ggated(8)), so a
ggatec of an earlier session cannot get in: its path is in no exports file any more.
"""

# Neither pathlib nor typing is imported, nor what they draw in: they take a worker longer to load
# than everything that it needs.
# ruff: noqa: PTH101, PTH102, PTH103, PTH106, PTH108, PTH114, PTH115, PTH116, PTH208, PTH211

from __future__ import annotations

import os
import stat

from hafailover.system.work import Refusal, replace_file, sync_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

EXPORTS: Final = "exports"
_UNSPEAKABLE: Final = frozenset("&<>'\"#")
"""kern.geom.confxml prints a ggate's path unescaped, and an exports file knows comments."""


def prepare_export(
    *, image: str, directory: str, session: str, name: str, client: str
) -> dict[str, Any]:
    """Make ``directory/session/name``, a link to the image, and the exports file beside it.

    Both are whole or not there at all; what is there already and right is left alone.
    """
    for word, text in (("session", session), ("name", name)):
        if not text or "/" in text or text.startswith("."):
            raise Refusal(f"{text!r} cannot be the {word} of an export")
    link = f"{directory}/{session}/{name}"
    if not all(33 <= ord(letter) <= 126 and letter not in _UNSPEAKABLE for letter in link):
        raise Refusal(f"{link!r} cannot be exported: gg.exports knows no such characters")
    if not _is_ipv4(client):
        raise Refusal(f"{client!r} is no IPv4 address, and ggated knows no others")
    if not stat.S_ISREG(os.stat(image).st_mode):
        raise Refusal(f"{image} is not a regular file")
    here = f"{directory}/{session}"
    os.makedirs(directory, mode=0o700, exist_ok=True)
    try:
        os.mkdir(here, 0o700)
    except FileExistsError:
        os.chmod(here, 0o700)
    try:
        os.symlink(image, link)
    except FileExistsError:
        if not os.path.islink(link) or os.readlink(link) != image:
            raise Refusal(f"{link} is there already and leads elsewhere") from None
    replace_file(f"{here}/{EXPORTS}", f"{client} rw {link}\n".encode(), 0o600)
    sync_directory(directory)
    return {"path": link, "exports": f"{here}/{EXPORTS}"}


def remove_export(*, directory: str, session: str) -> dict[str, Any]:
    """Remove a session's directory with what it holds; nothing there is as good."""
    if not session or "/" in session or session.startswith("."):
        raise Refusal(f"{session!r} cannot be the session of an export")
    here = f"{directory}/{session}"
    try:
        entries = sorted(os.listdir(here))
    except FileNotFoundError:
        return {"removed": []}
    for entry in entries:
        os.unlink(f"{here}/{entry}")
    os.rmdir(here)
    sync_directory(directory)
    return {"removed": entries}


def _is_ipv4(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 4 and all(
        part.isascii() and part.isdigit() and len(part) <= 3 and int(part) <= 255 for part in parts
    )
