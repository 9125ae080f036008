"""What will be seen after a step, if it does what it is for? The planner's view of its own future, for who asks first.

Nothing here decides what is done: the agent looks again after every step and believes that look alone.
"""

from dataclasses import replace

from hafailover.storage.facts import (
    Component,
    ComponentState,
    Gate,
    GateProcess,
    ImageFacts,
    MemoryDisk,
    Mirror,
    MirrorState,
    Mount,
    StorageFacts,
    TailKind,
)
from hafailover.storage.settings import VolumeSettings
from hafailover.storage.steps import CommandStep, FileStep, FileTask, SignalStep, Step

_FIRST_PID = 1_000_000
"""Processes that do not exist yet get ids that no real one has."""


def after(facts: StorageFacts, step: Step, settings: VolumeSettings) -> StorageFacts:
    """Return what a complete observation would show once ``step`` has done what it is for."""
    match step:
        case CommandStep():
            return _after_command(facts, step, settings)
        case FileStep():
            return _after_file(facts, step)
        case SignalStep():
            kept = tuple(each for each in facts.processes or () if not _is_meant(each, step))
            return replace(facts, processes=kept)


def _is_meant(process: GateProcess, step: SignalStep) -> bool:
    if step.pid:
        return process.pid == step.pid
    return process.process_group == step.process_group


def _after_file(facts: StorageFacts, step: FileStep) -> StorageFacts:
    image = facts.image(step.path)
    if image is None:
        return facts
    if step.task is FileTask.CLEAR_TAIL:
        return _with_image(
            facts, step.path, replace(image, tail=TailKind.ZERO, metadata=None, marker="")
        )
    if step.task is FileTask.WRITE_MARKER:
        marker = dict(step.arguments)["close_id"]
        changed = replace(image, tail=TailKind.MARKER, metadata=None, marker=marker)
        return _with_image(facts, step.path, changed)
    return facts


def _with_image(facts: StorageFacts, path: str, image: ImageFacts) -> StorageFacts:
    others = tuple(each for each in facts.images if each[0] != path)
    return replace(facts, images=(*others, (path, image)))


def _after_command(
    facts: StorageFacts, step: CommandStep, settings: VolumeSettings
) -> StorageFacts:
    match step.verb:
        case "mdconfig -a" | "mdconfig -d":
            return _after_disk(facts, step, settings)
        case "ggatec create" | "ggatec destroy" | "ggatec destroy -f":
            return _after_gate(facts, step)
        case "mount":
            fresh = Mount(
                device=settings.device,
                mount_point=settings.mount_point,
                kind="ufs",
                is_read_only=False,
            )
            return replace(facts, mounts=(*(facts.mounts or ()), fresh))
        case "umount" | "umount -f":
            left = tuple(
                each for each in facts.mounts or () if each.mount_point != settings.mount_point
            )
            return replace(facts, mounts=left)
        case "ggated":
            return replace(facts, processes=(*(facts.processes or ()), _process(facts, step)))
        case _:
            return _after_mirror(facts, step, settings)


def _after_disk(facts: StorageFacts, step: CommandStep, settings: VolumeSettings) -> StorageFacts:
    left = tuple(each for each in facts.memory_disks or () if each.unit != step.unit)
    if step.verb == "mdconfig -d":
        return replace(facts, memory_disks=left)
    fresh = MemoryDisk(
        unit=step.unit,
        file=settings.image,
        is_read_only=False,
        size_bytes=settings.size_bytes,
        open_mode="r0w0e0",
    )
    return replace(facts, memory_disks=(*left, fresh))


def _after_gate(facts: StorageFacts, step: CommandStep) -> StorageFacts:
    left = tuple(each for each in facts.gates or () if each.unit != step.unit)
    if step.verb != "ggatec create":
        return replace(facts, gates=left, mirrors=_without(facts, f"ggate{step.unit}"))
    address, path = step.argv[-2:]
    port = step.argv[step.argv.index("-p") + 1]
    fresh = Gate(
        unit=step.unit,
        info=f"{address}:{port} {path}",
        timeout_s=int(step.argv[step.argv.index("-t") + 1]),
        open_mode="r0w0e0",
    )
    processes = (*(facts.processes or ()), _process(facts, step))
    return replace(facts, gates=(*left, fresh), processes=processes)


def _process(facts: StorageFacts, step: CommandStep) -> GateProcess:
    pid = _FIRST_PID + len(facts.processes or ())
    return GateProcess(
        program=step.argv[0],
        pid=pid,
        parent=1,
        process_group=pid,
        state="Ss",
        arguments=step.argv,
    )


def _without(facts: StorageFacts, provider: str) -> tuple[Mirror, ...]:
    return tuple(
        replace(
            mirror,
            components=tuple(part for part in mirror.components if part.provider != provider),
        )
        for mirror in facts.mirrors or ()
    )


def _after_mirror(facts: StorageFacts, step: CommandStep, settings: VolumeSettings) -> StorageFacts:
    name = settings.mirror
    others = tuple(each for each in facts.mirrors or () if each.name != name)
    old = next((each for each in facts.mirrors or () if each.name == name), None)
    match step.verb:
        case "gmirror label":
            providers = step.argv[step.argv.index(name) + 1 :]
            return replace(facts, mirrors=(*others, _labelled(name, providers, settings)))
        case "gmirror destroy":
            return replace(facts, mirrors=others)
        case _ if old is None:
            return facts
        case "gmirror insert":
            fresh = _component(step.argv[-1], ComponentState.SYNCHRONIZING, 0)
            parts = (*old.components, fresh)
            changed = replace(old, components=parts, wanted_components=len(parts))
        case "gmirror forget":
            changed = replace(old, wanted_components=len(old.components))
        case "gmirror configure -p":
            priority = int(step.argv[step.argv.index("-p") + 1])
            parts = tuple(
                replace(part, priority=priority) if part.provider == step.argv[-1] else part
                for part in old.components
            )
            changed = replace(old, components=parts)
        case _:
            return facts
    return replace(facts, mirrors=(*others, changed))


def _labelled(name: str, providers: tuple[str, ...], settings: VolumeSettings) -> Mirror:
    return Mirror(
        name=name,
        state=MirrorState.COMPLETE,
        mirror_id=0,
        genid=0,
        syncid=1,
        wanted_components=len(providers),
        components=tuple(
            _component(provider, ComponentState.ACTIVE, place)
            for place, provider in enumerate(providers)
        ),
        media_size=settings.size_bytes - 512,
    )


def _component(provider: str, state: ComponentState, priority: int) -> Component:
    percent = 0 if state is ComponentState.SYNCHRONIZING else None
    return Component(
        provider=provider,
        state=state,
        priority=priority,
        genid=0,
        syncid=1,
        synchronized_percent=percent,
    )
