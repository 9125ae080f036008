"""newfs(8), tunefs(8) and dumpfs(8), as far as they make or tell a file system's state."""

from hafailover.emulation import superblock
from hafailover.emulation.commands.result import Result, UsageError, failed, read_options
from hafailover.emulation.effects import FilesystemVerb
from hafailover.emulation.geom import Provider
from hafailover.emulation.machine import Machine
from hafailover.emulation.superblock import FRAGMENT, Superblock
from hafailover.emulation.tasks import Coroutine

_BLOCK = 32768
_GROUPS = 4
_LABEL_COLUMN = 50


def newfs(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """Make an empty, clean file system."""
    try:
        options = read_options(argv[1:], "EJL:NO:RS:T:Ua:b:c:d:e:f:g:h:i:jk:lm:no:p:r:s:t")
    except UsageError as error:
        return failed(f"newfs: {error}")
    if len(options.operands) != 1:
        return failed("newfs: usage: newfs [-EJNUjlnt] [-L volname] special")
    path = options.operands[0]
    provider = machine.provider(path)
    if provider is None:
        return failed(f"newfs: {path}: could not find special device")
    if (yield from machine.dev.open(provider.name, (1, 1, 0))):
        return failed(f"newfs: {path}: failed to open disk for writing")
    journal = options.has("j")
    flags = superblock.SOFT_UPDATES * (options.has("U") or journal) | superblock.JOURNAL * journal
    # The first half of the id is the time of creation, the second random.
    created = machine.config.boot_time + machine.scheduler.now // 1_000_000_000
    block = Superblock(
        fs_id=(created, machine.random.getrandbits(32)),
        size=provider.mediasize,
        flags=flags,
        label=options.last("L"),
    )
    failure = yield from machine.filesystem(FilesystemVerb.FORMAT, provider)
    if not failure:
        failure = yield from machine.mounts.write_block(provider, block)
    yield from machine.dev.close(provider.name, (1, 1, 0))
    yield from machine.events.wait_idle()
    if failure:
        return Result(status=36, stderr=f"newfs: wtfs: error writing to {path}\n")
    stderr = "newfs: soft updates journaling set\n" if journal else ""
    return Result(stdout=_newfs_report(provider, soft=bool(flags)), stderr=stderr)


def _newfs_report(provider: Provider, *, soft: bool) -> str:
    sectors = provider.mediasize // 512
    blocks = -(-provider.mediasize // _BLOCK // _GROUPS) + 1
    inodes = blocks * 2176 // 513
    step = blocks * _BLOCK // 512
    backups = ", ".join(str(192 + group * step) for group in range(_GROUPS))
    return (
        f"/dev/{provider.name}: {provider.mediasize / 2**20:.1f}MB ({sectors} sectors) "
        f"block size {_BLOCK}, fragment size {FRAGMENT}\n"
        f"\tusing {_GROUPS} cylinder groups of {blocks * _BLOCK / 2**20:.2f}MB, {blocks} blks, "
        f"{inodes} inodes.\n"
        f"{'	with soft updates' + chr(10) if soft else ''}"
        f"super-block backups (for fsck_ffs -b #) at:\n {backups}\n"
    )


def tunefs(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """Print a file system's settings on stderr (-p); nothing else is modelled."""
    try:
        options = read_options(argv[1:], "Aa:e:f:J:j:k:L:l:m:N:n:o:pS:s:t:")
    except UsageError as error:
        return failed(f"tunefs: {error}")
    if not options.has("p") or len(options.operands) != 1:
        return failed("usage: tunefs -p special | filesystem", 2)
    block = yield from _block_of(machine, options.operands[0])
    if block is None:
        return failed(f"tunefs: {options.operands[0]}: could not read superblock to fill out disk")
    onoff = ("disabled", "enabled")
    fields = (
        ("POSIX.1e ACLs: (-a)", "disabled"),
        ("NFSv4 ACLs: (-N)", "disabled"),
        ("MAC multilabel: (-l)", "disabled"),
        ("soft updates: (-n)", onoff[block.soft]),
        ("soft update journaling: (-j)", onoff[block.journaled]),
        ("gjournal: (-J)", "disabled"),
        ("trim: (-t)", "disabled"),
        ("maximum blocks per file in a cylinder group: (-e)", "4096"),
        ("average file size: (-f)", "16384"),
        ("average number of files in a directory: (-s)", "64"),
        ("minimum percentage of free space: (-m)", "8%"),
        ("space to hold for metadata blocks: (-k)", "6400"),
        ("optimization preference: (-o)", "time"),
        ("volume label: (-L)", block.label),
    )
    lines = (f"tunefs: {name:<{_LABEL_COLUMN}} {value}\n" for name, value in fields)
    return Result(stderr="".join(lines))


def dumpfs(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """Print the first lines of a file system's description, the clean flag among them."""
    if len(argv) != 2:
        return failed("usage: dumpfs [-flm] filesys | device")
    block = yield from _block_of(machine, argv[1])
    if block is None:
        return failed(f"dumpfs: {argv[1]}: could not find special device")
    soft = "soft-updates+journal" if block.journaled else "soft-updates"
    known = ((superblock.UNCLEAN, "unclean"), (superblock.SOFT_UPDATES, soft))
    flags = [word for bit, word in known if block.flags & bit]
    return Result(
        stdout=(
            f"magic\t19540119 (UFS2)\n"
            f"superblock location\t65536\tid\t[ {block.fs_id[0]:x} {block.fs_id[1]:x} ]\n"
            f"ncg\t{_GROUPS}\tsize\t{block.size // FRAGMENT}\n"
            f"bsize\t{_BLOCK}\tshift\t15\tmask\t0xffff8000\n"
            f"fsize\t{FRAGMENT}\tshift\t12\tmask\t0xfffff000\n"
            f"cgrotor\t0\tfmod\t0\tronly\t0\tclean\t{int(block.clean)}\n"
            f"flags\t{' '.join(flags) or 'none'}\n"
            f"fsmnt\t{block.last_mount}\n"
            f"volname\t{block.label}\tswuid\t0\tproviderssize\t{block.size // FRAGMENT}\n"
        )
    )


def _block_of(machine: Machine, path: str) -> Coroutine[Superblock | None]:
    entry = machine.mounts.at(path)
    provider = machine.provider(entry.device if entry is not None else path)
    if provider is None:
        return None
    return (yield from machine.mounts.read_block(provider))
