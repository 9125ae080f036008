"""growfs(8): a file system becomes as large as its device.

After sbin/growfs/growfs.c: first the former last cylinder group is changed, then the new ones are made, the superblock
comes last. So whoever is cut off in between leaves the old superblock over a changed group; a second run would
count what it finds there a second time, and only a full check rebuilds the group.
"""

from dataclasses import replace

from hafailover.emulation import superblock
from hafailover.emulation.commands.result import (
    Options,
    Result,
    UsageError,
    failed,
    human,
    read_options,
)
from hafailover.emulation.effects import FilesystemVerb
from hafailover.emulation.geom import Provider
from hafailover.emulation.machine import Machine
from hafailover.emulation.superblock import BLOCK, FRAGMENT, Superblock
from hafailover.emulation.tasks import Coroutine


def run(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """Grow an unmounted file system to the end of its device; ``-s`` and a mounted one are not modelled."""
    try:
        options = read_options(argv[1:], "Ns:vy")
    except UsageError as error:
        return failed(f"growfs: {error}")
    if len(options.operands) != 1 or options.has("s"):
        return failed("usage: growfs [-Ny] [-s size] special | filesystem")
    path = options.operands[0]
    provider = machine.provider(path)
    if provider is None:
        return failed(f"growfs: {path}: No such file or directory", 3)
    block = yield from machine.mounts.read_block(provider)
    if block is None:
        return failed("growfs: superblock not recognized", 2)
    refused = _refused(path, provider, block, options)
    if refused is not None:
        return refused
    if options.has("N"):
        return Result(stdout=_backups(block, provider))
    if (yield from machine.dev.open(provider.name, (0, 1, 0))):
        return failed(f"growfs: {path}: Operation not permitted", 3)
    problem = yield from _grow(machine, provider, block)
    yield from machine.dev.close(provider.name, (0, 1, 0))
    yield from machine.events.wait_idle()
    if problem:
        return Result(status=36, stderr="growfs: wtfs: write error\n")
    return Result(stdout=_backups(block, provider))


def _refused(path: str, provider: Provider, block: Superblock, options: Options) -> Result | None:
    if block.flags & superblock.UNCLEAN:
        return failed(f"growfs: {path} is not clean - run fsck.\n", 2)
    old, new = (size // FRAGMENT * FRAGMENT for size in (block.size, provider.mediasize))
    texts = f"{human(new)}B", f"{human(old)}B"
    if new == old:
        text = "growfs: requested size {} is equal to the current filesystem size {}"
        return failed(text.format(*texts), 0)
    if new < old:
        text = "growfs: requested size {} is smaller than the current filesystem size {}"
        return failed(text.format(*texts), 2)
    if not options.has("y") and not options.has("N"):
        return Result(
            stdout=(
                "It's strongly recommended to make a backup before growing the file system.\n"
                f"OK to grow filesystem on /dev/{provider.name} from {texts[1]} to {texts[0]}? "
                '[yes/no] Response other than "yes"; aborting\n'
            )
        )
    return None


def _grow(machine: Machine, provider: Provider, block: Superblock) -> Coroutine[int]:
    torn = replace(block, flags=block.flags | superblock.NEEDS_FULL_CHECK)
    error = yield from machine.mounts.write_block(provider, torn)
    error = error or (yield from machine.filesystem(FilesystemVerb.GROW, provider))
    if error:
        return error
    grown = replace(block, size=provider.mediasize, clean=True, last_mount="")
    return (yield from machine.mounts.write_block(provider, grown))


def _backups(block: Superblock, provider: Provider) -> str:
    """Name the copies of the superblock in the groups that are new: here each is as large as all that was there."""
    step = block.size // BLOCK * BLOCK // 512
    places = range(step, provider.mediasize // 512, step)
    return (
        "super-block backups (for fsck_ffs -b #) at:\n "
        + ", ".join(str(192 + place) for place in places)
        + "\n"
    )
