"""What is up on this host that the configuration names no more? No agent would look after it.

A mount that nobody guards goes on while the peer is granted the group: both would serve. So it is stopped first, by
the configuration that names it. And whoever serves by etcd's grant is reset by its watchdog once nobody renews that.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from hafailover.errors import EdgeError, UnusableConfigurationError
from hafailover.runtime.record_slots import SLOT_BYTES, SLOTS, read_slots
from hafailover.runtime.settings import NodeSettings, PathSettings

HINT: Final = (
    "put it back into the file as it was, stop the agent in order (service hafailover stop), and then change the "
    "file on both nodes"
)


def abandoned(settings: NodeSettings, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Say of each volume without a place in the configuration that it is up, or exported, in this boot; and of a grant.

    Raises:
        EdgeError: This host does not say which boot it is in, and there is something to ask that for; or a record that
            the file does not name cannot be read.
    """
    # Loaded here: what only looks at a file needs no event loop.
    from hafailover.system.host import boot_id  # noqa: PLC0415

    found = tuple(_open_elsewhere(settings))
    boot = boot_id(environment) if found else ""
    problems = tuple(
        f"{name} is in use on this host, and the file does not name it any more"
        for name, opened_in in found
        if opened_in == boot
    )
    if settings.etcd is None and armed_mark(settings.paths).exists():
        return (
            *problems,
            "this host serves by a grant of etcd, which the file does not name any more",
        )
    return problems


def armed_mark(paths: PathSettings) -> Path:
    """Return the file that is there while an agent has the watchdog armed."""
    return paths.run / "watchdog-armed"


def refuse_abandoned(settings: NodeSettings, environment: Mapping[str, str]) -> None:
    """Refuse to run an agent that would leave something up without knowing of it.

    Raises:
        HaFailoverError: There is such a thing, or it cannot be told.
    """
    for problem in abandoned(settings, environment):
        raise UnusableConfigurationError(problem, hint=HINT)


def _open_elsewhere(settings: NodeSettings) -> Iterator[tuple[str, str]]:
    """Yield the open records of volumes that are not configured: the name, and the boot that it was opened in."""
    known = {f"{group.name}.{volume.name}" for group in settings.groups for volume in group.volumes}
    for path in sorted((settings.paths.state / "lineage").glob("*.record")):
        if path.stem in known:
            continue
        group, _, volume = path.stem.partition(".")
        try:
            content = path.read_bytes()[: SLOTS * SLOT_BYTES + 1]
        except FileNotFoundError:
            continue
        except OSError as error:
            raise EdgeError(
                f"{path}, a record of what the file does not name, cannot be read: {error.strerror}",
                hint="is that volume still in use here? If not, move its record away",
            ) from error
        record = read_slots(content, group=group, volume=volume).record
        if record.is_open:
            yield f"{group}/{volume}", record.boot
