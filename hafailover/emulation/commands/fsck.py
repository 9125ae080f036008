"""fsck_ffs(8): what it says of a file system, what it repairs, and how it ends."""

from dataclasses import replace

from hafailover.emulation import superblock
from hafailover.emulation.commands.result import Options, Result, UsageError, failed, read_options
from hafailover.emulation.effects import FilesystemVerb
from hafailover.emulation.geom import Provider
from hafailover.emulation.machine import Machine
from hafailover.emulation.superblock import Superblock
from hafailover.emulation.tasks import Coroutine

_PHASES = """** Phase 1 - Check Blocks and Sizes
** Phase 2 - Check Pathnames
** Phase 3 - Check Connectivity
** Phase 4 - Check Reference Counts
** Phase 5 - Check Cyl groups
"""
_WRONG = (
    "FREE BLK COUNT(S) WRONG IN SUPERBLK",
    "SUMMARY INFORMATION BAD",
    "BLK(S) MISSING IN BIT MAPS",
)
_NO_SUPERBLOCK = "Cannot find file system superblock\n"
_REPLAY = """** Building recovery table.
** Resolving unreferenced inode list.
** Processing journal entries.
"""
_READING = "** Reading 4194304 byte journal from inode 4.\n"
_COUNTS = """** 2 journal records in 512 bytes for 12.50% utilization
** Freed 0 inodes (0 dirs) 0 blocks, and 0 frags.
"""


def run(machine: Machine, argv: tuple[str, ...]) -> Coroutine[Result]:
    """Check one device; several are not asked for by anybody here."""
    try:
        options = read_options(argv[1:], "b:BCc:dEFfm:npRrSyZz")
    except UsageError as error:
        return failed(f"fsck_ffs: {error}")
    if not options.operands:
        return failed("usage: fsck_ffs [-BCdEFfnpRrSyZz] [-b block] [-c level] filesys ...")
    path = options.operands[0]
    provider = machine.provider(path)
    if provider is None:
        return Result(status=8, stdout=f"Can't stat {path}: No such file or directory\n")
    block = yield from machine.mounts.read_block(provider)
    if block is None:
        if options.has("p") or options.has("C") or options.has("F"):
            return Result(status=3, stdout=_NO_SUPERBLOCK)
        return Result(status=8, stdout=_NO_SUPERBLOCK * 2)
    if options.has("F"):
        busy = provider.opened.write > 0
        return Result(status=_foreground(block, mounted=busy))
    check = _Check(machine, provider, path, options, block)
    result: Result = yield from check.run()
    yield from machine.events.wait_idle()
    return result


def _foreground(block: Superblock, *, mounted: bool) -> int:
    """Answer -F: does this file system need a check in the foreground?"""
    if block.journaled:
        return 4
    if not block.soft:
        return 5
    return 7 if block.clean or mounted else 0


class _Check:
    """One run over one device."""

    def __init__(
        self, machine: Machine, provider: Provider, path: str, options: Options, block: Superblock
    ) -> None:
        self._machine = machine
        self._provider = provider
        self._path = path
        self._preen = options.has("p")
        self._refuse = options.has("n")
        self._full = options.has("f")
        self._skip_clean = self._preen or options.has("C")
        self._block = block
        self._background = options.has("B")
        self._in_use = provider.opened.write > 0
        self._summary = f"2 files, 2 used, {block.usage}\n"

    def run(self) -> Coroutine[Result]:
        """Open the device, check, and leave the verdict on it."""
        machine, block = self._machine, self._block
        access = (1, 0, 0) if self._refuse else (1, 1, 0)
        error = yield from machine.dev.open(self._provider.name, access)
        if error and not self._refuse:
            return self._mounted()
        try:
            if self._skip_clean and block.clean and not self._full:
                return Result(stdout=self._skipped())
            sound = (yield from machine.filesystem(FilesystemVerb.CHECK, self._provider)) == 0
            sound = sound and not block.damaged
            if self._refuse:
                return Result(stdout=self._read_only_report())
            return (yield from self._repair(sound=sound))
        finally:
            yield from machine.dev.close(self._provider.name, access)

    def _mounted(self) -> Result:
        """Report on a device that somebody else has open for writing: nothing is repaired."""
        if self._background:
            return Result(stdout=f"{self._path}: {self._summary}")
        if self._preen:
            return Result(
                status=8,
                stdout=(
                    f"{self._path}: NO WRITE ACCESS\n"
                    f"{self._path}: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\n"
                ),
            )
        return Result(stdout=self._read_only_report())

    def _skipped(self) -> str:
        usage = self._block.usage
        if self._preen:
            return (
                f"{self._path}: FILE SYSTEM CLEAN; SKIPPING CHECKS\n{self._path}: clean, {usage}\n"
            )
        mark = " (NO WRITE)" if self._refuse else ""
        return f"{mark}** {self._path}{mark}\nFILE SYSTEM CLEAN; SKIPPING CHECKS\nclean, {usage}\n"

    def _read_only_report(self) -> str:
        journal = ""
        sound = self._block.clean or self._in_use
        if self._block.journaled and not sound:
            journal = (
                f"** SU+J Recovering {self._path}\n\nUSE JOURNAL? no\n\n"
                "** Skipping journal, falling through to full fsck\n\n"
            )
        wrong = "" if sound else _questions("no")
        return f"** {self._path} (NO WRITE)\n{journal}{self._title()}{wrong}{self._summary}"

    def _title(self) -> str:
        return f"** Last Mounted on {self._block.last_mount}\n{_PHASES}"

    def _repair(self, *, sound: bool) -> Coroutine[Result]:
        block = self._block
        replay = block.journaled and not block.clean and not self._full
        if replay and sound:
            yield from self._mark_clean()
            return Result(stdout=self._replayed())
        if self._preen and not sound:
            kind = "SOFT UPDATE " if block.soft else ""
            skipped = "** Skipping journal, falling through to full fsck\n" if replay else ""
            return Result(
                status=8,
                stdout=(
                    f"{skipped}{self._path}: PARTIALLY TRUNCATED INODE I=4\n"
                    f"{self._path}: UNEXPECTED {kind}INCONSISTENCY; RUN fsck MANUALLY.\n"
                ),
            )
        was_clean = block.clean and sound
        if not was_clean:
            yield from self._mark_clean()
        if self._preen:
            wrong = () if was_clean else _WRONG
            repaired = "".join(f"{self._path}: {text} (SALVAGED)\n" for text in wrong)
            return Result(stdout=f"{repaired}{self._path}: {self._summary}")
        verdict = "IS CLEAN" if was_clean else "MARKED CLEAN"
        modified = "" if was_clean else "\n***** FILE SYSTEM WAS MODIFIED *****\n"
        questions = "" if was_clean else _questions("yes")
        return Result(
            stdout=(
                f"** {self._path}\n{self._title()}{questions}{self._summary}\n"
                f"***** FILE SYSTEM {verdict} *****\n{modified}"
            )
        )

    def _replayed(self) -> str:
        start = f"** SU+J Recovering {self._path}\n"
        end = f"{_COUNTS}\n***** FILE SYSTEM MARKED CLEAN *****\n"
        if self._preen:
            return f"{start}{_READING}{_REPLAY}{end}"
        return (
            f"** {self._path}\n{start}\nUSE JOURNAL? yes\n\n{_READING}\nRECOVER? yes\n\n{_REPLAY}"
            f"\nWRITE CHANGES? yes\n\n\n***** FILE SYSTEM IS CLEAN *****\n{end}"
        )

    def _mark_clean(self) -> Coroutine[None]:
        flags = self._block.flags & ~(superblock.UNCLEAN | superblock.NEEDS_FULL_CHECK)
        block = replace(self._block, clean=True, flags=flags)
        yield from self._machine.mounts.write_block(self._provider, block)


def _questions(answer: str) -> str:
    return "".join(f"{wrong}\nSALVAGE? {answer}\n\n" for wrong in _WRONG)
