"""The command lines, as one reviewed list, and what holds for each of them."""

from collections.abc import Callable

import pytest

from hafailover.storage import commands, observing
from hafailover.storage.settings import VolumeSettings
from hafailover.storage.steps import CommandStep

SETTINGS = VolumeSettings(
    name="mail",
    image="/var/ha/mail.img",
    size_bytes=1 << 30,
    mirror="data",
    mount_point="/mnt/data",
    mount_options=("noatime", "nosuid"),
    md_units=(10, 11),
    ggate_units=(20, 21),
)
SESSION = "/var/run/hafailover/data-5f"

ALL: list[CommandStep] = [
    commands.attach_memory_disk(SETTINGS, 10),
    commands.detach_memory_disk(SETTINGS, 11),
    commands.label_mirror(SETTINGS, md_unit=10, ggate_unit=None),
    commands.label_mirror(SETTINGS, md_unit=10, ggate_unit=21),
    commands.set_local_priority(SETTINGS, "md10", 100),
    commands.create_gate(SETTINGS, 20, "192.0.2.2", 3080, f"{SESSION}/mail.img"),
    commands.destroy_gate(SETTINGS, 20, force=False),
    commands.destroy_gate(SETTINGS, 20, force=True),
    commands.insert_gate(SETTINGS, 20),
    commands.forget(SETTINGS),
    commands.destroy_mirror(SETTINGS),
    commands.preen(SETTINGS),
    commands.full_check(SETTINGS),
    commands.mount(SETTINGS),
    commands.unmount(SETTINGS, force=False),
    commands.unmount(SETTINGS, force=True),
    commands.start_ggated(SETTINGS, "192.0.2.1", SESSION),
    commands.reboot("a test"),
    observing.look_at_geom(),
    observing.look_at_mounts(),
    observing.look_at_processes(),
    observing.look_at_openers("/var/ha/mail.img"),
    observing.look_at_users("/mnt/data"),
]


def line(step: CommandStep) -> str:
    danger = "destroys" if step.destroys else "harmless"
    limit = f"{step.deadline // 10**9} s"
    return f"{' '.join(step.argv)}\n    {danger}, {limit}, seen by: {step.seen_by}\n"


def test_the_command_lines_are_the_reviewed_ones(golden: Callable[[str, str], None]) -> None:
    golden("commands.txt", "".join(line(step) for step in ALL))


@pytest.mark.parametrize("step", ALL, ids=lambda step: " ".join(step.argv))
def test_every_command_is_bounded_and_says_how_it_is_seen(step: CommandStep) -> None:
    assert step.deadline > 0
    assert step.seen_by
    assert step.verb
    assert "/" not in step.argv[0]
    assert all(word and not word.isspace() for word in step.argv)


def test_no_command_stops_a_mirror_or_lets_a_gate_wait_for_ever() -> None:
    for step in ALL:
        assert step.argv[:2] != ("gmirror", "stop")
        if step.argv[:2] == ("ggatec", "create"):
            assert int(step.argv[step.argv.index("-t") + 1]) > 0
        if step.argv[0] == "mount":
            assert "-f" not in step.argv


def test_the_local_disk_is_labelled_last() -> None:
    step = commands.label_mirror(SETTINGS, md_unit=10, ggate_unit=21)
    assert step.argv[-2:] == ("ggate21", "md10")


def test_gentle_and_forced_forms_have_verbs_of_their_own() -> None:
    verbs = [step.verb for step in ALL]
    assert len(set(verbs)) == len(verbs) - 1, "only gmirror label stands twice in the list"


def test_mount_options_may_be_missing() -> None:
    plain = VolumeSettings(
        name="a",
        image="/a",
        size_bytes=512,
        mirror="a",
        mount_point="/m",
        md_units=(0, 1),
        ggate_units=(0, 1),
    )
    assert commands.mount(plain).argv == ("mount", "-t", "ufs", "/dev/mirror/a", "/m")


@pytest.mark.parametrize(
    ("step", "units"),
    [
        (commands.attach_memory_disk(SETTINGS, 10), ("md10",)),
        (commands.label_mirror(SETTINGS, md_unit=10, ggate_unit=21), ("ggate21", "md10")),
        (commands.create_gate(SETTINGS, 20, "192.0.2.2", 3080, "/x"), ("ggate20",)),
        (commands.destroy_gate(SETTINGS, 21, force=True), ("ggate21",)),
        (commands.insert_gate(SETTINGS, 20), ("ggate20",)),
        (commands.set_local_priority(SETTINGS, "md10", 100), ("md10",)),
        (commands.mount(SETTINGS), ()),
    ],
    ids=lambda value: value.verb if isinstance(value, CommandStep) else "",
)
def test_the_units_of_a_command_are_known(step: CommandStep, units: tuple[str, ...]) -> None:
    assert commands.units_of(step) == units
