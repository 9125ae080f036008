"""Which steps are left until both the image and its record are there? Or why is nothing done?

Derived anew from what is there before each step, so that a setup that was interrupted anywhere goes on
from where it is.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeAlias

from hafailover.setup.facts import Holding, Intent, Part, Phase, SetupFacts, VolumeFacts
from hafailover.setup.refusals import Refused, Wishes, volume_refusal
from hafailover.setup.steps import SetupStep, Task
from hafailover.storage import commands
from hafailover.storage.facts import Gate, TailKind
from hafailover.storage.settings import VolumeSettings
from hafailover.storage.steps import CommandStep
from hafailover.storage.view import VolumeView, view_volume
from hafailover.units import seconds

NEWFS: Final = seconds(3600)
_MODULES: Final = (("MIRROR", "geom_mirror"), ("GATE", "geom_gate"))


Plan: TypeAlias = tuple[SetupStep, ...] | Refused


def plan(facts: SetupFacts, wishes: Wishes, key_file: str) -> Plan:
    """Return what is left to do on this node, in order; nothing = it is set up."""
    refused = _standing(facts, wishes, key_file)
    if refused is not None:
        return refused
    steps = [*_preparations(facts, wishes, key_file)]
    for group, volume in facts.volumes:
        view = view_volume(volume.settings, facts.storage)
        assert view is not None  # noqa: S101 - the storage was seen
        refused = volume_refusal(volume, view, wishes)
        if refused is not None:
            return refused
        name = volume.settings.name
        left = _volume_steps(volume, view, facts.storage.gates or (), wishes)
        steps += [replace(step, group=group, volume=name) for step in left]
    return tuple(steps)


def _standing(facts: SetupFacts, wishes: Wishes, key_file: str) -> Refused | None:
    if not facts.storage.is_complete:
        return Refused(
            f"the storage of this host cannot be seen: {facts.storage.problem}",
            "look what sysctl kern.geom.confxml, mount and ps say",
        )
    if facts.key_problem:
        return Refused(facts.key_problem, f"chown root {key_file}; chmod 600 {key_file}")
    if not facts.has_key and wishes.part is Part.TARGET:
        return Refused(
            f"{key_file} is not there yet, and both nodes need the same",
            f"run hafailover init on the other node first, then copy {key_file} from there, "
            "mode 600",
        )
    for process in facts.storage.processes or ():
        if process.program == "ggated":
            return Refused(
                f"ggated runs (pid {process.pid}): what it exports could be written meanwhile",
                "stop it: service ggated onestop; sysrc ggated_enable=NO",
            )
    return None


def _preparations(facts: SetupFacts, wishes: Wishes, key_file: str) -> Iterator[SetupStep]:
    for path in facts.missing_directories:
        yield SetupStep(task=Task.MAKE_DIRECTORY, text=f"make the directory {path}", path=path)
    if not facts.has_key and wishes.part is Part.SOURCE:
        yield SetupStep(
            task=Task.MAKE_KEY,
            text=f"make the key that both nodes share: {key_file}",
            path=key_file,
        )
    for name, module in _MODULES:
        if name not in facts.classes:
            yield SetupStep(
                task=Task.RUN,
                text=f"load {module} (for each boot: sysrc kld_list+={module})",
                argv=("kldload", module),
            )


def _volume_steps(
    volume: VolumeFacts, view: VolumeView, gates: tuple[Gate, ...], wishes: Wishes
) -> Iterator[SetupStep]:
    settings = volume.settings
    if volume.record is not None and not volume.misfit:
        if volume.intent is not None:
            yield SetupStep(task=Task.FORGET_NOTE, text=f"{settings.name}: tidy up")
        return
    has_image = view.image is not None and view.image.exists
    intent = _with_gates(volume.intent or _new_intent(volume, view, wishes), view, gates)
    if not has_image:
        yield SetupStep(
            task=Task.ALLOCATE,
            text=f"make {settings.image}, {settings.size_bytes >> 20} MB, every block of it",
            path=settings.image,
            size=settings.size_bytes,
            intent=intent,
        )
    elif volume.intent != intent:
        yield SetupStep(
            task=Task.NOTE,
            text=_takes_over(settings, intent.phase),
            intent=intent,
            destroys=intent.phase is Phase.GIVEN_UP,
        )
    if intent.phase is Phase.MADE and intent.part is Part.SOURCE:
        yield from _format(volume, view, intent)
    else:
        yield from _take_down(settings, view, gates, intent)
    words = "its data counts" if intent.part is Part.SOURCE else "the other node's data counts"
    yield SetupStep(
        task=Task.RECORD,
        text=f"mark {settings.image} and write its record: {words}",
        path=settings.image,
        size=settings.size_bytes,
        intent=intent,
        part=intent.part,
    )


def _takes_over(settings: VolumeSettings, phase: Phase) -> str:
    if phase is Phase.GIVEN_UP:
        return f"give up what is on {settings.image}: the other node's copy will overwrite it"
    if phase in (Phase.ADOPTED, Phase.FORMATTED):
        return f"keep what is on {settings.image}"
    return f"take {settings.image}, which holds nothing but zeros"


def _new_intent(volume: VolumeFacts, view: VolumeView, wishes: Wishes) -> Intent:
    image = view.image
    phase = Phase.MADE
    is_empty = volume.content is None or volume.content.holding is Holding.NOTHING
    if not is_empty:
        phase = Phase.ADOPTED if wishes.part is Part.SOURCE else Phase.GIVEN_UP
    name = volume.settings.name
    return Intent(
        part=wishes.part,
        phase=phase,
        inode=image.inode if image is not None else 0,
        birth_ns=image.birth_ns if image is not None else 0,
        lineage=wishes.new_id[:16],
        close_id=f"{wishes.new_id}-{name}"[:64],
    )


def _with_gates(intent: Intent, view: VolumeView, gates: tuple[Gate, ...]) -> Intent:
    """Add the ggates that the mirror stands on: as soon as it has ended, nobody can tell any more."""
    mirror = view.mirror
    found = {
        (gate.unit, gate.info)
        for gate in gates
        if mirror is not None and mirror.component(f"ggate{gate.unit}")
    }
    return replace(intent, gates=tuple(sorted(found.union(intent.gates))))


def _format(volume: VolumeFacts, view: VolumeView, intent: Intent) -> Iterator[SetupStep]:
    """Make the file system: on a mirror of the one image, as it will be used."""
    settings = volume.settings
    unit = next(
        (unit for unit in settings.md_units if f"md{unit}" not in view.taken_units),
        settings.md_units[0],
    )
    if view.local is None:
        if not view.disks:
            tail = view.image.tail if view.image is not None else TailKind.ZERO
            if tail not in (TailKind.ZERO, TailKind.UNREAD):
                yield SetupStep(
                    task=Task.CLEAR_TAIL,
                    text=f"clear the last sector of {settings.image}",
                    path=settings.image,
                    size=settings.size_bytes,
                )
            yield _run(commands.attach_memory_disk(settings, unit))
        else:
            unit = view.disks[0].unit
        yield _run(commands.label_mirror(settings, md_unit=unit, ggate_unit=None), destroys=True)
    yield SetupStep(
        task=Task.RUN,
        text=f"newfs -U -j {settings.device}",
        argv=("newfs", "-U", "-j", settings.device),
        deadline=NEWFS,
        destroys=True,
        intent=replace(intent, phase=Phase.FORMATTED),
    )
    yield _run(commands.destroy_mirror(settings))
    yield _run(commands.detach_memory_disk(settings, view.disks[0].unit if view.disks else unit))


def _take_down(
    settings: VolumeSettings, view: VolumeView, gates: tuple[Gate, ...], intent: Intent
) -> Iterator[SetupStep]:
    """End a mirror of the image with all that it stands on."""
    if view.local is not None:
        yield _run(commands.destroy_mirror(settings))
    for gate in gates:
        if (gate.unit, gate.info) in intent.gates:
            yield _run(commands.destroy_gate(settings, gate.unit, force=False))
    for disk in view.disks:
        yield _run(commands.detach_memory_disk(settings, disk.unit))


def _run(step: CommandStep, *, destroys: bool = False) -> SetupStep:
    return SetupStep(
        task=Task.RUN,
        text=" ".join(step.argv),
        argv=step.argv,
        deadline=step.deadline,
        destroys=destroys,
    )
