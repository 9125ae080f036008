"""What is wrong with one script?"""

from collections.abc import Iterator
from typing import Final

from hafailover.migration.commands import Gate, MountCommand
from hafailover.migration.finding import Finding, Place, Weight
from hafailover.migration.pair import Role, Script
from hafailover.migration.shell_walk import Call

DOWN_S: Final = 3.0
"""freevrrpd sends nothing while a script runs; after about so long the other node takes over."""
_STATES: Final = ("COMPLETE", "DEGRADED", "SYNCHRONIZING", "ACTIVE")
# fmt: off
_HARMLESS: Final = frozenset({
    "echo", "logger", "printf", "test", "[", "exit", "true", "false", ":", "return", "break",
    "continue", "set", "cd", "cat", "grep", "egrep", "fgrep", "awk", "sed", "cut", "head", "tail",
    "date", "wc", "tr", "sync", "shift", "read", "trap", "wait", "kldload", "kldstat", "kill",
    "pkill", "killall", "rm", "touch", "mkdir", "chmod", "ls", "ps", "expr", "sysctl", "df",
    "basename", "dirname", "hostname", "sh", "bash", "eval", ".", "source", "let",
})
# fmt: on


def judge_script(script: Script) -> Iterator[Finding]:
    """Judge one script in its role."""
    yield from _gates(script)
    yield from _waits(script)
    yield from _checks(script)
    yield from _copies(script)
    yield from _mounts(script)
    yield from _endings(script)
    yield from _left_out(script)


def _gates(script: Script) -> Iterator[Finding]:
    for gate in script.commands.gates:
        if gate.unknown:
            yield _unknown_option(gate)
        if gate.timeout in (None, "0"):
            yield Finding(
                rule="gate-waits-for-ever",
                weight=Weight.ERROR,
                place=gate.call.place,
                what="ggatec create without -t",
                consequence="when the other node dies, every write, umount and sync here hangs for "
                "ever",
                remedy="nothing: -t is always set, and a dead peer is dropped by the agent",
            )
        if not gate.call.is_checked:
            yield Finding(
                rule="gate-not-checked",
                weight=Weight.WARNING,
                place=gate.call.place,
                what="nobody looks whether ggatec succeeded",
                consequence="the script goes on as if the second copy were there",
                remedy="nothing: each step counts as done when its result is seen",
            )


def _unknown_option(gate: Gate) -> Finding:
    letters = ", ".join(f"-{letter}" for letter in gate.unknown)
    loop = next((mark for mark in reversed(gate.call.loops) if not mark.is_counted), None)
    consequence = "it prints its usage and exits with 1: the device is never made"
    if loop is not None:
        consequence += f"; the loop of line {loop.line} goes on for ever, and nothing is mounted"
    return Finding(
        rule="gate-option-unknown",
        weight=Weight.ERROR,
        place=gate.call.place,
        what=f"ggatec create has no option {letters}",
        consequence=consequence,
        remedy="nothing: the agent's own command lines are written after ggatec(8)",
    )


def _blocks(call: Call) -> bool:
    return not call.is_background


def _waits(script: Script) -> Iterator[Finding]:
    for call, span in script.commands.sleeps:
        if not _blocks(call):
            continue
        looped = " in each turn of a loop" if call.loops else ""
        endless = bool(call.loops) and not all(mark.is_counted for mark in call.loops)
        total = sum(seconds for each, seconds in script.commands.sleeps if _blocks(each))
        long = endless or call.loops or total >= DOWN_S
        yield Finding(
            rule="advertisements-blocked",
            weight=Weight.ERROR if long else Weight.WARNING,
            place=call.place,
            what=f"sleep {span:g}{looped} in the {script.role.value} script",
            consequence="freevrrpd runs the script in the thread that advertises: after about "
            f"{DOWN_S:g} s of silence the other node becomes Master as well, and mounts",
            remedy="nothing: advertisements never wait for storage here",
        )
    seen: set[Place] = set()
    for call in script.commands.looks:
        for mark in call.loops:
            place = Place(file=call.place.file, line=mark.line)
            states = sorted(_states(mark.words))
            if place in seen or not states or not _blocks(call):
                continue
            seen.add(place)
            if _mounts_later(script, call):
                yield Finding(
                    rule="waits-for-the-rebuild",
                    weight=Weight.ERROR,
                    place=place,
                    what=f"a loop waits for {' or '.join(states)} before it mounts",
                    consequence="the service is down while the whole image is copied; and when the "
                    "other node is dead, for ever",
                    remedy="nothing: the volume is mounted at once, the other copy is rebuilt "
                    "while it serves",
                )
    for call in (*script.commands.looks, *(each.call for each in script.commands.gates)):
        for mark in call.loops:
            place = Place(file=call.place.file, line=mark.line)
            if not mark.is_counted and place not in seen:
                seen.add(place)
                yield Finding(
                    rule="loop-without-limit",
                    weight=Weight.WARNING,
                    place=place,
                    what="a loop that nothing counts",
                    consequence="a cause that lasts keeps the script, and the transition, for ever",
                    remedy="nothing: every step has a deadline",
                )


def _states(words: frozenset[str]) -> set[str]:
    return {state for state in _STATES if any(state in word.upper() for word in words)}


def _mounts_later(script: Script, call: Call) -> bool:
    return any(
        mount.is_mount and mount.call.place.line >= call.place.line
        for mount in script.commands.mounts
    )


def _checks(script: Script) -> Iterator[Finding]:
    mounted = [mount for mount in script.commands.mounts if mount.is_mount]
    for call in script.commands.checks:
        flags = {letter for word in call.words[1:] if word.startswith("-") for letter in word[1:]}
        if not call.is_checked:
            yield Finding(
                rule="check-result-ignored",
                weight=Weight.ERROR,
                place=call.place,
                what=f"nobody looks how {call.program} ended",
                consequence="a file system that could not be repaired is mounted and written to, "
                "and the damage goes to both copies",
                remedy="nothing: what is not clean after fsck_ffs is not mounted",
            )
        if call.is_background:
            yield Finding(
                rule="check-in-background",
                weight=Weight.ERROR,
                place=call.place,
                what=f"{call.program} runs in the background",
                consequence="the file system is mounted while it is being repaired",
                remedy="nothing: fsck_ffs ends before the mount",
            )
        if "y" in flags:
            yield Finding(
                rule="check-answers-yes",
                weight=Weight.WARNING,
                place=call.place,
                what=f"{call.program} answers every question with yes",
                consequence="on a device that is already mounted it repairs nothing and exits 0; "
                "on a damaged one it may throw files away without a word",
                remedy="nothing: fsck_ffs -p comes first; fsck: operator in the volume asks a "
                "person for the rest",
            )
    if mounted and not script.commands.checks:
        yield Finding(
            rule="check-missing",
            weight=Weight.ERROR,
            place=mounted[0].call.place,
            what="the file system is mounted without fsck",
            consequence="after a crash it is dirty; plain soft updates mount it all the same",
            remedy="nothing: fsck_ffs runs before each mount of a volume that is not clean",
        )


def _copies(script: Script) -> Iterator[Finding]:
    """Does the script know which copy is the newer one before it puts them together?"""
    joins = [each for each in script.commands.mirrors if each.verb in ("label", "insert", "create")]
    joining = [each.call for each in joins] or [each.call for each in script.commands.gates]
    compares = [call for call in script.commands.looks if "dump" in call.words[:2]] + [
        call
        for call in script.commands.others
        if call.program in ("cmp", "diff", "sha256", "md5", "stat", "rsync", "ssh")
        or (call.program in ("test", "[") and {"-nt", "-ot"} & set(call.words))
    ]
    before = [call for call in compares if joining and call.place.line <= joining[0].place.line]
    if joining and script.role is Role.MASTER and not before:
        yield Finding(
            rule="newer-copy-unknown",
            weight=Weight.ERROR,
            place=joining[0].place,
            what="nothing looks which of the two copies is the newer one before they are joined",
            consequence="gmirror's counters do not tell: a node that was away copies its old data "
            "over the new, or both halves count as identical and are mixed, without a message",
            remedy="nothing: each copy has a record, and the two are compared before they touch",
        )
    for each in joins:
        both = len(each.providers) > 1
        if each.verb in ("label", "create") and both:
            yield Finding(
                rule="labelled-as-identical",
                weight=Weight.ERROR,
                place=each.call.place,
                what=f"gmirror {each.verb} takes {' and '.join(each.providers)} at once",
                consequence="both count as identical, and nothing is copied, however they differ",
                remedy="nothing: the local copy is labelled alone, the other one is inserted",
            )


def _mounts(script: Script) -> Iterator[Finding]:
    for mount in script.commands.mounts:
        if mount.is_mount and mount.is_forced:
            yield Finding(
                rule="mount-forced",
                weight=Weight.ERROR,
                place=mount.call.place,
                what="mount -f",
                consequence="a dirty file system is mounted, and its journal is thrown away",
                remedy="nothing: a volume is mounted only if it is clean",
            )
        if not mount.is_mount and not mount.call.is_checked:
            yield _unmount_ignored(mount)
        if mount.is_mount and not mount.call.is_checked:
            yield Finding(
                rule="mount-not-checked",
                weight=Weight.WARNING,
                place=mount.call.place,
                what="nobody looks whether mount succeeded",
                consequence="services start on the empty directory, and write into the root file "
                "system",
                remedy="nothing: services start when the mount is seen",
            )


def _unmount_ignored(mount: MountCommand) -> Finding:
    return Finding(
        rule="unmount-not-checked",
        weight=Weight.ERROR,
        place=mount.call.place,
        what=f"nobody looks whether umount {mount.point or mount.device} succeeded",
        consequence="a process with an open file keeps it mounted; the mirror is taken away below, "
        "and the other node mounts too",
        remedy="nothing: who holds it is told, then killed; what stays mounted is not exported",
    )


def _endings(script: Script) -> Iterator[Finding]:
    for each in script.commands.mirrors:
        if each.verb == "stop":
            yield Finding(
                rule="mirror-comes-back",
                weight=Weight.WARNING,
                place=each.call.place,
                what=f"gmirror stop {each.mirror} leaves its metadata on the image",
                consequence="some seconds later the kernel tastes it, and the mirror is back, "
                "degraded, holding the image",
                remedy="nothing: the agent ends a mirror with destroy, and labels it anew",
            )
    for call in script.commands.kills:
        if script.role is Role.MASTER:
            yield Finding(
                rule="exporter-lives-on",
                weight=Weight.ERROR,
                place=call.place,
                what="ggated is ended, and nobody looks whether its children are gone",
                consequence="each client has a child of its own that can go on writing into the "
                "image while this node has it mounted",
                remedy="nothing: a copy is attached only when every writer is seen gone",
            )
    for call, address in script.commands.addresses:
        yield Finding(
            rule="address-by-script",
            weight=Weight.NOTE,
            place=call.place,
            what=f"the script puts {address} up or down itself",
            consequence="address and data can part",
            remedy="list it under addresses if it belongs to the group",
        )


def _left_out(script: Script) -> Iterator[Finding]:
    for call in script.commands.others:
        if call.program in _HARMLESS or "$" in call.words[0] or "=" in call.words[0]:
            continue
        if call.program in script.functions:
            continue
        yield Finding(
            rule="command-left-out",
            weight=Weight.FILL_IN,
            place=call.place,
            what=f"{' '.join(call.words)[:70]!r} is not understood",
            consequence=f"the new file does not do it in the {script.role.value} role",
            remedy="make it a service of the group: a start, a stop and a check command",
        )
