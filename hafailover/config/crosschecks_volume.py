"""Do the volumes of all groups keep out of each other's way, on each node?"""

from collections.abc import Iterator, Mapping
from typing import Any

from hafailover.config.checked import Checked, MissingError, PerNodeValue
from hafailover.config.problems import Problem, Severity


def volume_problems(root: Checked, groups: Mapping[str, Checked]) -> Iterator[Problem]:
    """Yield everything that two volumes share, or a volume and the agent's own files."""
    volumes = [
        (name, volume)
        for group in groups.values()
        for name, volume in group.values.get("volumes", {}).items()
    ]
    for name, volume in volumes:
        yield from _mirror_name(name, volume)
    yield from _shared(volumes, "mirror", lambda name, volume: (_mirror(name, volume),))
    yield from _shared(volumes, "mount_point", lambda _, volume: _one(volume, "mount_point"))
    yield from _shared(volumes, "port", lambda _, volume: _one(volume, "port"))
    for units in ("md_units", "ggate_units"):
        yield from _units(volumes, units)
    yield from _channel_port(root, volumes)
    for node in root.sections("nodes"):
        yield from _images(node, volumes)
    yield from _nesting(root, volumes)


def _one(volume: Checked, key: str) -> tuple[Any, ...]:
    value = volume.values.get(key)
    return () if value is None else (value,)


def _mirror(name: str, volume: Checked) -> str:
    return volume.values.get("mirror") or name


def _mirror_name(name: str, volume: Checked) -> Iterator[Problem]:
    if volume.values.get("mirror", "") is not None:
        return
    # gmirror(8) cuts a longer name without a word, and two of them may then be the same;
    # one that begins with a dash it takes for options.
    text = ""
    if len(name) > 15:
        text = "is longer than the 15 characters of a mirror name"
    elif not name[0].isalnum():
        text = "begins with neither a letter nor a digit, as a mirror name does"
    if text:
        yield Problem(
            mark=volume.mark,
            key=f"{volume.path}.mirror",
            text=f'missing; the volume\'s name "{name}" {text}',
        )


def _shared(volumes: list[tuple[str, Checked]], key: str, values: Any) -> Iterator[Problem]:
    seen: dict[Any, Checked] = {}
    for name, volume in volumes:
        for value in values(name, volume):
            first = seen.setdefault(value, volume)
            if first is not volume:
                yield _clash(volume, key, value, first)


def _clash(volume: Checked, key: str, value: object, first: Checked) -> Problem:
    return Problem(
        mark=volume.place(key),
        key=f"{volume.path}.{key}",
        text=f"{value} belongs to {first.path} already",
    )


def _units(volumes: list[tuple[str, Checked]], key: str) -> Iterator[Problem]:
    seen: dict[int, Checked] = {}
    for _, volume in volumes:
        units = volume.values.get(key)
        if units is None:
            continue
        pair = units or (10, 11)
        if pair[0] == pair[1]:
            text = f"found {pair[0]} twice, allowed are two units that differ"
            yield Problem(mark=volume.place(key), key=f"{volume.path}.{key}", text=text)
        for unit in dict.fromkeys(pair):
            first = seen.setdefault(unit, volume)
            if first is not volume:
                yield _clash(volume, key, f"unit {unit}", first)


def _channel_port(root: Checked, volumes: list[tuple[str, Checked]]) -> Iterator[Problem]:
    port = root.section("channel").take("port", int)
    for _, volume in volumes:
        if volume.values.get("port") == port:
            yield Problem(
                mark=volume.place("port"),
                key=f"{volume.path}.port",
                text=f"{port} is the port of the agents already (channel.port)",
            )


def _images(node: str, volumes: list[tuple[str, Checked]]) -> Iterator[Problem]:
    seen: dict[str, Checked] = {}
    points = {volume.values.get("mount_point"): volume for _, volume in volumes}
    for _, volume in volumes:
        value = volume.values.get("image")
        try:
            image = value.of(node) if isinstance(value, PerNodeValue) else None
        except MissingError:
            continue
        if image is None:
            continue
        first = seen.setdefault(image, volume)
        if first is not volume:
            yield _clash(volume, "image", f"{image} on {node}", first)
        for point, other in points.items():
            if point is not None and is_below(image, point):
                yield Problem(
                    mark=volume.place("image", node),
                    key=f"{volume.path}.image",
                    text=f"{image} lies on {point}, the mount point of {other.path}: it would be "
                    "hidden by what it holds",
                )


def _nesting(root: Checked, volumes: list[tuple[str, Checked]]) -> Iterator[Problem]:
    paths = root.section("paths")
    key_file = root.section("channel")
    for _, volume in volumes:
        point = volume.values.get("mount_point")
        if point is None:
            continue
        for section, key in ((paths, "state"), (paths, "run"), (key_file, "key_file")):
            path = section.values.get(key)
            if path is not None and is_below(path, point):
                yield Problem(
                    mark=section.place(key),
                    key=f"{section.path}.{key}",
                    text=f"{path} lies on {point}, the mount point of {volume.path}: it must be "
                    "there when the volume is not",
                )
        for _, other in volumes:
            outer = other.values.get("mount_point")
            if outer is not None and outer != point and is_below(point, outer):
                yield Problem(
                    mark=volume.place("mount_point"),
                    key=f"{volume.path}.mount_point",
                    text=f"{point} lies on {outer}, the mount point of {other.path}: volumes are "
                    "mounted in any order",
                    severity=Severity.ERROR,
                )


def is_below(path: str, directory: str) -> bool:
    """Whether a path is the directory or lies in it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")
