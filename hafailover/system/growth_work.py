"""How are the steps of an enlarging done? Each durably, and so that it can be cut off at any point."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from hafailover.config.resize import NotEditableError
from hafailover.errors import EdgeError
from hafailover.lineage import changes
from hafailover.lineage.record import ImageBinding
from hafailover.override import override
from hafailover.runtime.codec import encode
from hafailover.runtime.record_slots import SLOTS, encode_slot
from hafailover.runtime.settings import PathSettings
from hafailover.setup.growth import Growth, GrowthFacts, GrowthStep, GrowthTask
from hafailover.storage.tail import encode_marker
from hafailover.system.growth_notes import growth_path
from hafailover.system.image_work import look_at_image, write_tail
from hafailover.system.setup_looks import Run
from hafailover.system.setup_run import SteppedWork
from hafailover.system.setup_work import Progress, fill
from hafailover.system.work import replace_file, sync_directory
from hafailover.units import SECOND

_WHAT_TO_DO: Final = (
    "nothing is lost: the other node's copy is as it was. Look at what the command says, repair by hand on this "
    "device, and run hafailover grow again"
)


class GrowthWork(SteppedWork[GrowthStep]):
    """Does steps on this host."""

    def __init__(
        self,
        paths: PathSettings,
        look: Callable[[], GrowthFacts],
        run: Run,
        configure: Callable[[], tuple[Path, str]],
        progress: Progress,
    ) -> None:
        """Let ``configure`` return the configuration file and its text with the new size."""
        self._paths = paths
        self._look = look
        self._run = run
        self._configure = configure
        self._progress = progress

    @override
    def _do(self, step: GrowthStep) -> str:
        match step.task:
            case GrowthTask.NOTE:
                self._note(_given(step.after))
            case GrowthTask.ENLARGE:
                self._enlarge(step)
            case GrowthTask.CUT_BACK:
                self._cut_back(step)
            case GrowthTask.RUN:
                return self._command(step)
            case GrowthTask.BIND:
                self._bind(step)
            case GrowthTask.CONFIGURE:
                self._write_configuration(step)
            case GrowthTask.FORGET_NOTE:
                path = self._path()
                path.unlink(missing_ok=True)
                sync_directory(str(path.parent))
        return ""

    def _path(self) -> Path:
        facts = self._look()
        return growth_path(self._paths, facts.group, facts.settings.name)

    def _note(self, growth: Growth) -> None:
        path = self._path()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_directory(str(path.parent.parent))
        replace_file(str(path), json.dumps(encode(Growth, growth)).encode(), 0o600)

    def _enlarge(self, step: GrowthStep) -> None:
        """Write zeros from where the image ended before: what an earlier try wrote there counts for nothing."""
        growth = _given(step.after)
        with self._image(step, growth.was) as descriptor:
            fill(descriptor, growth.was, step.size, self._progress)
        self._note(growth)

    def _cut_back(self, step: GrowthStep) -> None:
        with self._image(step, step.size) as descriptor:
            os.ftruncate(descriptor, step.size)
            os.fsync(descriptor)

    @contextmanager
    def _image(self, step: GrowthStep, size: int) -> Iterator[int]:
        """Open the image, which has to have at least so many bytes."""
        descriptor = os.open(self._look().settings.image, os.O_RDWR | os.O_NOFOLLOW)
        try:
            if os.fstat(descriptor).st_size < size:
                raise EdgeError(f"{step.text}: the image became smaller meanwhile")
            yield descriptor
        finally:
            os.close(descriptor)

    def _command(self, step: GrowthStep) -> str:
        if step.before is not None:
            self._note(step.before)
        said = self._run(step.argv, step.deadline / SECOND)
        words = (said.problem or said.output).strip()
        is_noted = step.before is not None or step.after is not None
        if said.status is None or (said.status and is_noted):
            raise EdgeError(
                f"{' '.join(step.argv)}: exit status {said.status}: {words}"
                if said.status
                else f"{' '.join(step.argv)}: {words}",
                hint=_WHAT_TO_DO,
            )
        if step.after is not None:
            self._note(step.after)
        return words if said.status else ""

    def _bind(self, step: GrowthStep) -> None:
        """Mark the new last sector, then let the record say so: in between the note vouches for the image."""
        facts, growth = self._look(), _given(step.after)
        image, name = facts.settings.image, facts.settings.name
        write_tail(path=image, size=step.size, sector=encode_marker(growth.close_id).hex())
        seen = look_at_image(path=image)
        binding = ImageBinding(
            device=seen["device"],
            inode=seen["inode"],
            size_bytes=step.size,
            birth_ns=seen["birth_ns"],
            close_id=growth.close_id,
        )
        record = facts.record
        assert record is not None  # noqa: S101 - the plan refuses without one
        grown = changes.enlarged(record, binding=binding)
        grown = replace(grown, sequence=record.sequence + 1)
        path = self._paths.state / "lineage" / f"{facts.group}.{name}.record"
        replace_file(str(path), encode_slot(facts.group, name, grown) * SLOTS, 0o600)

    def _write_configuration(self, step: GrowthStep) -> None:
        try:
            path, text = self._configure()
        except NotEditableError as error:
            raise EdgeError(
                f"{step.text}: {error}",
                hint=f"put it in by hand: size: {step.size}B; and run hafailover grow again",
            ) from error
        # Where the file is a link, into a repository perhaps, the link stays.
        path = path.resolve()
        replace_file(str(path), text.encode(), stat.S_IMODE(path.stat().st_mode))


def _given(growth: Growth | None) -> Growth:
    assert growth is not None  # noqa: S101 - the plan gives one
    return growth
