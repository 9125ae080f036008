"""Which volumes does the new file have? One for each mirror that the old scripts bring up."""

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

from hafailover.migration.judge_pair import Claim, agreed, image_claims, judge_images
from hafailover.migration.new_file import Hints, NewVolume, names_of, open_question
from hafailover.migration.pair import Role, Side

if TYPE_CHECKING:
    from hafailover.migration.finding import Finding

SIZE_UNKNOWN: Final = 500 << 20
_SAME: Final = 0.6
"""Paths that are so much alike are taken for spellings of one."""


class StorageSettling:
    """Decides about the volumes, and collects what has to be said about them."""

    def __init__(self, sides: tuple[Side, ...], hints: Hints) -> None:
        self._sides = sides
        self._hints = hints
        self.findings: list[Finding] = []

    def _ask(self, rule: str, what: str, stands_in: str, remedy: str) -> None:
        file = self._sides[0].routers.file
        self.findings.append(open_question(rule, file, what, stands_in, remedy))

    def volumes(self) -> list[NewVolume]:
        """Return the volumes: one for each mirror that a master script brings up."""
        mirrors = self._mirrors()
        mounts = self._mounts()
        if not mirrors and not any(image_claims(self._sides, n) for n in range(len(self._sides))):
            return []
        mirrors = mirrors or ["data"]
        images = [self._images(number, len(mirrors)) for number in range(len(self._sides))]
        volumes = []
        for number, mirror in enumerate(mirrors):
            own = {
                name: each[number] if number < len(each) else f"/var/hafailover/{mirror}.img"
                for name, each in zip(names_of(self._sides), [*images, *images], strict=False)
            }
            size = self._hints.size or self._size(set(own.values()))
            if not size:
                self._ask(
                    "size-unknown",
                    f"the size of the images of {mirror} is in none of the files",
                    f"{SIZE_UNKNOWN >> 20}M",
                    "give --size with the size of the smaller image (stat -f %z), or put it right",
                )
            device = f"/dev/mirror/{mirror}"
            point, options = mounts.get(device, next(iter(mounts.values()), ("", ())))
            if not point:
                point = f"/{mirror}"
                self._ask(
                    "mount-point-unknown",
                    f"no script mounts {device}",
                    point,
                    "put it right under mount_point",
                )
            volumes.append(
                NewVolume(
                    name=_word(point.rpartition("/")[2] or mirror),
                    images=own,
                    size=size or SIZE_UNKNOWN,
                    mirror=mirror,
                    mount_point=point.rstrip("/") or "/",
                    mount_options=options,
                    port=self._port(),
                    size_is_known=bool(size),
                )
            )
        return volumes

    def _mirrors(self) -> list[str]:
        names: dict[str, None] = {}
        for side in self._sides[:1] if self._sides[0].scripts else self._sides:
            for script in side.scripts:
                for mount in script.commands.mounts:
                    if mount.device.startswith("/dev/mirror/"):
                        names[mount.device.removeprefix("/dev/mirror/")] = None
                for each in script.commands.mirrors:
                    names[each.mirror] = None
        return [name[:15] for name in names if name and "$" not in name]

    def _mounts(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        found: dict[str, tuple[str, tuple[str, ...]]] = {}
        for side in self._sides:
            for script in side.of(Role.MASTER):
                for mount in script.commands.mounts:
                    if mount.is_mount and mount.point.startswith("/"):
                        found.setdefault(mount.device, (mount.point, mount.options))
        return found

    def _images(self, number: int, count: int) -> list[str]:
        """Return the images of a node, one for each mirror, and judge how they are spelt."""
        claims = image_claims(self._sides, number)
        buckets: list[list[Claim]] = []
        for claim in claims:
            scores = [
                1.0 if count == 1 else _likeness(claim.value, bucket[0].value) for bucket in buckets
            ]
            best = max(scores, default=0.0)
            exact = [n for n, bucket in enumerate(buckets) if bucket[0].value == claim.value]
            if exact:
                buckets[exact[0]].append(claim)
            elif scores and best >= _SAME and (len(buckets) >= count or claim.by != "mdconfig"):
                buckets[scores.index(best)].append(claim)
            else:
                buckets.append([claim])
        chosen = []
        for bucket in buckets[:count]:
            spelling = agreed(bucket)
            chosen.append(spelling)
            self.findings += judge_images(self._sides[number], bucket, spelling)
        return chosen

    def _size(self, images: set[str]) -> int:
        for side in self._sides:
            for script in side.scripts:
                for _, path, size in script.commands.sizes:
                    if path in images:
                        return size - size % 512
        return 0

    def _port(self) -> str:
        ports = [
            gate.port
            for side in self._sides
            for script in side.scripts
            for gate in script.commands.gates
            if gate.port
        ]
        return ports[0] if ports and ports[0].isdigit() else ""


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _word(text: str) -> str:
    kept = "".join(char for char in text if char.isalnum() or char in "_-")
    return kept.lower() or "data"
