"""How is the new file written down? As text with the old values in comments, one file for both nodes."""

from collections.abc import Iterator

from hafailover.migration.commands import ServiceCommand
from hafailover.migration.new_file import NewFile, NewGroup, NewVolume

_SIZES = ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"), (1, "B"))


def render(new: NewFile, questions: int) -> str:
    """Return the file's text.

    Args:
        new: What it says.
        questions: How many values had to be filled in.
    """
    lines = ["# Made by hafailover import from the files of freevrrpd, ggate and gmirror."]
    lines.append('# One file for both nodes. Comments that begin with "Was:" tell the old value.')
    if questions:
        lines.append(
            f"# {questions} things stand in no old file: see what import printed, and look for"
        )
        lines.append('# "To fill in" below.')
    lines += ["", "version: 1", "", "nodes:"]
    lines += _nodes(new)
    lines += ["", "networks:", "  lan:", f"    interface: {_quoted(new.lan_interface)}"]
    if new.has_volumes:
        lines += ["  replication:", f"    interface: {_quoted(new.link_interface)}"]
        lines += ["", *_arbiter(new)]
    lines += ["", "groups:"]
    for group in new.groups:
        lines += _group(group)
    return "\n".join(lines) + "\n"


def _nodes(new: NewFile) -> Iterator[str]:
    for node in new.nodes.values():
        unknown = node.lan.startswith("192.0.2.") or node.replication.startswith("198.51.100.")
        yield f"  {_quoted(node.name)}:" + ("  # To fill in" if unknown else "")
        yield f"    lan: {node.lan}"
        if node.replication:
            yield f"    replication: {node.replication}"


def _arbiter(new: NewFile) -> Iterator[str]:
    yield "# Was: nobody."
    yield "arbiter:"
    if new.targets:
        yield "  kind: ping"
        yield f"  targets: [{', '.join(new.targets)}]"
    else:
        yield "  kind: none"
        yield "  i_accept_split_brain: true"


def _group(group: NewGroup) -> Iterator[str]:
    yield f"  {_quoted(group.name)}:"
    yield f"    vrid: {group.vrid}"
    yield "    priority:"
    for node, priority in group.priorities.items():
        old = group.old_priorities.get(node)
        was = f"  # Was: {old}" if old is not None and old != priority else ""
        yield f"      {_quoted(node)}: {priority}{was}"
    yield "    vrrp:"
    yield "      # What freevrrpd speaks; between two hafailovers alone, version 3 is better."
    yield "      version: 2"
    yield "      interval: 1s"
    if group.password:
        yield f"      password: {_quoted(group.password)}"
    yield "    addresses:"
    yield from (f"      - {address}" for address in group.addresses)
    if group.volumes:
        yield "    volumes:"
        for volume in group.volumes:
            yield from _volume(volume)
    if group.services:
        yield "    services:"
        for service in group.services:
            yield from _service(service)
    if group.volumes:
        yield "    # Was: at once when the preferred node came back, and only after the whole copy."
        yield "    failback:"
        yield "      mode: auto"
        yield "      hold: 60s"
        yield "    rejoin: auto"


def _volume(volume: NewVolume) -> Iterator[str]:
    yield f"      {_quoted(volume.name)}:"
    yield "        image:"
    for node, image in volume.images.items():
        yield f"          {_quoted(node)}: {_quoted(image)}"
    note = "" if volume.size_is_known else "  # To fill in"
    yield f"        size: {size_text(volume.size)}{note}"
    yield f"        mirror: {_quoted(volume.mirror)}"
    yield f"        mount_point: {_quoted(volume.mount_point)}"
    if volume.mount_options:
        yield f"        mount_options: [{', '.join(map(_quoted, volume.mount_options))}]"
    if volume.port:
        yield f"        port: {volume.port}"


def _service(service: ServiceCommand) -> Iterator[str]:
    yield f"      - name: {_quoted(service.name)}"
    if service.own:
        program = _quoted(service.own[0])
        yield f"        start: [{program}, start]"
        yield f"        stop: [{program}, stop]"
    else:
        for key, verb in (("start", "onestart"), ("stop", "onestop"), ("check", "onestatus")):
            yield f"        {key}: [/usr/sbin/service, {_quoted(service.name)}, {verb}]"


def size_text(size: int) -> str:
    """Return bytes as the configuration takes them, such as ``500M``."""
    factor, unit = next((factor, unit) for factor, unit in _SIZES if size % factor == 0)
    return f"{size // factor}{unit}"


def _quoted(text: str) -> str:
    """Return text as a YAML scalar; what is no plain word is quoted."""
    plain = text.replace("-", "").replace("_", "").replace("/", "").replace(".", "")
    if plain.isascii() and plain.isalnum() and not plain.isdigit() and text[0] not in "-.":
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
