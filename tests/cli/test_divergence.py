"""``hafailover divergence`` and ``hafailover resolve``: what is shown, what has to be typed, what is refused."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result

from hafailover.cli import divergence as shown
from hafailover.cli import resolve as chosen
from hafailover.errors import NotPermittedError, RequestRefusedError
from hafailover.storage.tail import encode_marker
from hafailover.system import kept_file
from tests.cli.json_schemas import assert_fits
from tests.config.texts import PAIR

VOLUME = {
    "name": "data",
    "copy": "diverged",
    "doubt": "each of the two nodes wrote alone",
    "lineage_since": 1_767_225_600,
    "peer_copy": "sole",
    "peer_lineage_since": 0,
    "peer_doubt": "",
}
ROW = {
    "volume": "data",
    "image": "/images/data.img",
    "size_bytes": 1 << 20,
    "differing_bytes": 8192,
    "ranges": 2,
    "first_ranges": [[0, 4096], [65536, 4096]],
    "files_of_places": 2,
    "own_files": ["", "there is no UFS2 on it that can be read"],
    "their_files": ["", "there is no UFS2 on it that can be read"],
}


class Client:
    """An agent that answers from what a test has put here."""

    peer: ClassVar[dict[str, Any]] = {}
    rows: ClassVar[list[dict[str, Any]]] = []
    orders: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, path: Path) -> None:
        self.path = path

    def ask(self, word: str, group: str | None, **options: Any) -> dict[str, Any]:
        if word == "status":
            described = {
                "group": group or "web",
                "node": "a",
                "epoch": 4,
                "headline": "a serves alone",
                "in_sync": False,
                "volumes": [VOLUME],
                "resolving": None,
                "peer": dict(self.peer),
            }
            return {"groups": [described]}
        self.orders.append({"word": word, **options})
        self.peer["unresolved"] = False
        return {"text": "what only the copy of b holds is being saved"}

    def compare(self, group: str) -> Iterator[dict[str, Any]]:
        yield {"progress": {"volume": "data", "done": 1, "total": 2}}
        yield {"result": {"group": group, "volumes": self.rows}}

    def close(self) -> None:
        return


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch) -> type[Client]:
    for module in (shown, chosen):
        monkeypatch.setattr(module, "ControlClient", Client)
    Client.orders = []
    Client.rows = [ROW]
    Client.peer = {
        "name": "b",
        "heard": True,
        "verdict": "each copy has writes that the other lacks",
        "unresolved": True,
        "resolving": False,
    }
    return Client


def run(command: Any, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(command, ["--socket", "/nowhere", *words], input=typed)


def test_what_differs_is_shown_for_each_side() -> None:
    ended = run(shown.divergence, "web")

    assert "data on a: diverged, on its own since" in ended.output
    assert "data on b: sole\n" in ended.output
    assert "8.0 kB of 1.0 MB differ, in 2 place(s): 0x0+4.0 kB, 0x10000+4.0 kB" in ended.output


def told(*files: tuple[str, int, str], left_out: int = 0) -> tuple[str, str]:
    """Return what an agent says of files, each (path, differing bytes, stamp)."""
    rows = [
        {
            "path": path,
            "is_directory": path.endswith("/"),
            "size_bytes": 100,
            "modified_s": 1_767_225_600,
            "bytes_there": there,
            "stamp": stamp,
        }
        for path, there, stamp in files
    ]
    return json.dumps({"files": rows, "left_out": left_out, "own_bytes": 4096}), ""


def test_the_files_of_both_nodes_are_put_side_by_side(client: type[Client]) -> None:
    own = told((".sujournal", 99_999, "j"), ("orders.db", 8192, "x"), ("beside", 0, "same"))
    theirs = told(("orders.db", 4096, "y"), ("new", 12, "n"), ("beside", 0, "same"))
    client.rows = [{**ROW, "own_files": own, "their_files": theirs}]

    shown_lines = [line.strip() for line in run(shown.divergence).output.splitlines()]

    at = next(at for at, line in enumerate(shown_lines) if line.startswith("orders.db"))
    assert re.fullmatch(r"orders.db: a: 100 bytes of .*; b: 100 bytes of .*", shown_lines[at])
    assert re.fullmatch(r"new: b: 100 bytes of .*; not on a", shown_lines[at + 1])
    assert shown_lines[at + 2].startswith(".sujournal (differs always)")
    assert not any(line.startswith("beside") for line in shown_lines)

    found = json.loads(run(shown.divergence, "--json").stdout)
    assert_fits("divergence", found)
    assert [each["path"] for each in found["volumes"][0]["files"]] == [
        ".sujournal",
        "orders.db",
        "new",
    ]


def test_a_node_that_names_no_files_is_no_node_without_them(client: type[Client]) -> None:
    client.rows = [{**ROW, "own_files": told(("orders.db", 4096, "x"))}]

    output = run(shown.divergence).output

    assert "not on b" not in output
    assert "which files these are on b is not known: there is no UFS2" in output


def test_the_exit_status_says_whether_anything_differs(client: type[Client]) -> None:
    client.rows = [{**ROW, "differing_bytes": 0, "ranges": 0, "first_ranges": []}]

    ended = CliRunner().invoke(
        shown.divergence, ["--socket", "/nowhere", "--json"], standalone_mode=False
    )
    assert ended.return_value == 0
    found = json.loads(ended.output)
    assert_fits("divergence", found)
    assert found["volumes"][0]["differing_bytes"] == 0


def test_a_choice_as_json() -> None:
    words = ("--keep", "a", "--reason", "why", "--confirm", "discard b", "--json")
    ended = run(chosen.resolve, *words)

    found = json.loads(ended.stdout)
    assert_fits("resolve", found)
    assert (found["kept"], found["discarded"]) == ("a", "b")


def test_what_is_kept_as_json(tmp_path: Path) -> None:
    (tmp_path / "x.kept").write_bytes(b"torn")
    ended = CliRunner().invoke(shown.divergence, ["--socket", "/nowhere", "--kept", "--json"])

    assert_fits("divergence", json.loads(ended.stdout))


def test_the_other_copy_is_given_up_only_after_its_name_was_typed(client: type[Client]) -> None:
    ended = run(chosen.resolve, "--keep", "a", "--reason", "why", typed="discard a\n")
    assert "nothing was done" in ended.output
    assert client.orders == []

    ended = run(chosen.resolve, "--keep", "a", "--reason", "why", typed="discard b\n")
    assert ended.exit_code == 0, ended.output
    assert client.orders == [
        {"word": "resolve", "patience_s": 30.0, "seen_epoch": 4, "keep": "a", "reason": "why"}
    ]
    assert "the copy of b is rebuilt" in ended.output


@pytest.mark.parametrize(
    ("keep", "peer", "words"),
    [
        ("c", {}, "there is no node 'c'"),
        ("b", {"heard": False}, "b is not heard"),
        ("a", {"unresolved": False}, "there is nothing to choose"),
    ],
)
def test_a_choice_that_cannot_be_made_is_refused(
    client: type[Client], keep: str, peer: dict[str, Any], words: str
) -> None:
    client.peer.update(peer)
    ended = run(chosen.resolve, "--keep", keep, "--reason", "why", "--confirm", "discard b")

    assert isinstance(ended.exception, RequestRefusedError)
    assert words in str(ended.exception)
    assert client.orders == []


def kept_in(directory: Path) -> tuple[Path, bytes]:
    """Make a file of kept blocks; returns it and its content."""
    header = {"group": "web", "volume": "data", "node": "b", "kept": "a", "reason": "a test"}
    body = kept_file.encode_header({**header, "wall_s": 0, "size_bytes": 4096, "block_bytes": 4096})
    body += kept_file.encode_piece(1024, b"only here")
    body += kept_file.encode_piece(kept_file.END, hashlib.sha256(body).digest())
    path = directory / "kept" / "web-data.kept"
    path.parent.mkdir()
    path.write_bytes(body)
    return path, body


def test_what_was_kept_is_listed_and_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, body = kept_in(tmp_path)
    (tmp_path / "kept" / "torn.kept").write_bytes(body[:-1])
    image = tmp_path / "copy.img"
    image.write_bytes(bytes(4096))
    monkeypatch.setattr(shown, "state_path", lambda *_: tmp_path)

    listed = run(shown.divergence, "--kept").output
    assert "9 bytes of web/data as b had it, given up for a" in listed
    assert "torn.kept: the file ends in the middle" in listed

    ended = run(shown.divergence, "--put-back", str(path), "--onto", str(image))
    assert ended.exit_code == 0, ended.output
    assert image.read_bytes()[1024:1033] == b"only here"
    assert run(shown.divergence, "--put-back", str(path)).exit_code == 2


def test_whoever_may_not_look_is_not_told_that_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = kept_in(tmp_path)
    monkeypatch.setattr(shown, "state_path", lambda *_: tmp_path)
    path.parent.chmod(0)
    before = os.geteuid()
    os.seteuid(65534 if before == 0 else before)
    try:
        ended = run(shown.divergence, "--kept")
    finally:
        os.seteuid(before)
        path.parent.chmod(0o700)

    assert "nothing is kept" not in ended.output
    assert isinstance(ended.exception, NotPermittedError)
    assert str(path.parent) in ended.exception.message


def test_who_leaves_after_the_choice_is_told_that_it_stands(
    client: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(chosen, "_await_choice", leave)
    ended = run(chosen.resolve, "--keep", "a", "--reason", "why", "--confirm", "discard b")

    assert len(client.orders) == 1
    assert "the order stands" in ended.output


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Make a configuration of this host, with an image; returns both."""
    image, config = tmp_path / "data.img", tmp_path / "hafailover.yaml"
    image.write_bytes(b"x" * 4096)
    config.write_text(PAIR.replace("/img/data.img", str(image)))
    monkeypatch.setenv("HAFAILOVER_NODE", "a")
    return config, image


@pytest.mark.parametrize("name", ["data.img", "symbolic.img", "hard.img"])
def test_nothing_is_put_back_onto_an_image_of_this_node_whatever_it_is_called(
    tmp_path: Path, configured: tuple[Path, Path], name: str
) -> None:
    config, image = configured
    (tmp_path / "symbolic.img").symlink_to(image)
    (tmp_path / "hard.img").hardlink_to(image)
    path, _ = kept_in(tmp_path)

    words = ("--config", str(config), "--put-back", str(path), "--onto", str(tmp_path / name))
    ended = run(shown.divergence, *words)

    assert ended.exit_code == 1
    assert f"cp {image} COPY" in ended.output
    assert image.read_bytes() == b"x" * 4096


def test_a_copy_that_something_was_put_back_onto_has_no_metadata_of_a_mirror(
    tmp_path: Path, configured: tuple[Path, Path]
) -> None:
    config, image = configured
    copy = tmp_path / "copy.img"
    copy.write_bytes(image.read_bytes())
    path, _ = kept_in(tmp_path)

    words = ("--config", str(config), "--put-back", str(path), "--onto", str(copy))

    assert run(shown.divergence, *words).exit_code == 0
    assert copy.read_bytes()[1024:1033] == b"only here"
    assert copy.read_bytes()[-512:] == bytes(512)
    assert copy.read_bytes()[-513:-512] == b"x"


def test_without_a_configuration_only_a_copy_with_an_empty_last_sector_will_do(
    tmp_path: Path,
) -> None:
    path, _ = kept_in(tmp_path)
    image = tmp_path / "image.img"
    image.write_bytes(bytes(3584) + encode_marker("closed"))
    before = image.read_bytes()

    nowhere = ("--config", str(tmp_path / "none.yaml"))
    ended = run(shown.divergence, *nowhere, "--put-back", str(path), "--onto", str(image))

    assert ended.exit_code == 1
    assert f"cp {image} COPY" in ended.output
    assert "truncate -s -512 COPY" in ended.output
    assert image.read_bytes() == before
