"""When is a bare mount point made unwritable?

Before a mount, since the kernel itself unmounts a file system whose devices are all gone, and services
would go on in the directory below (UFS of 13 and later); and before an export, while it lies bare.
"""

from hafailover.storage.settings import VolumeSettings
from hafailover.storage.steps import FileStep, FileTask, Next, Step
from hafailover.storage.tries import Tries


def plan_guarded(settings: VolumeSettings, tries: Tries, *before: Step) -> Next | None:
    """Return the step that guards the mount point, once before the steps ``before``; None when it was tried.

    It is a precaution: a directory that cannot be guarded (and says so) stands in nobody's way.
    """
    guard = FileStep(
        task=FileTask.GUARD_MOUNT_POINT,
        path=settings.mount_point,
        volume=settings.name,
        deadline=settings.deadlines.attach,
    )
    if any(tries.of(step) for step in (guard, *before)):
        return None
    return Next(guard, "nothing may be written under the volume while it is not mounted")
