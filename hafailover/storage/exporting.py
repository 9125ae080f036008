"""How does a secondary offer its image to the primary, in one session of one ggated?"""

from hafailover.storage import commands
from hafailover.storage.closing import clear_tail, plan_closed
from hafailover.storage.facts import TailKind
from hafailover.storage.guarding import plan_guarded
from hafailover.storage.steps import FileStep, FileTask, Next, Plan, Reached, Refused
from hafailover.storage.tries import Tries
from hafailover.storage.view import VolumeView


def export_path(directory: str, session: str, volume: str) -> str:
    """Return the path under which a session exports a volume: what ggatec must ask for, to the letter (gg.exports)."""
    return f"{directory}/{session}/{volume}.img"


def plan_exported(
    view: VolumeView,
    tries: Tries,
    *,
    session: str,
    directory: str,
    own_address: str,
    peer_address: str,
) -> Plan:
    """Return the next step towards "one ggated of exactly this session serves the image, and nothing else has it"."""
    if view.exporters and view.export_sessions() == {session}:
        return Reached()
    closed = plan_closed(view, tries, may_force=False)
    if not isinstance(closed, Reached):
        return closed
    image = view.image
    if image is None or not image.exists or image.tail is TailKind.UNREAD:
        return Refused((image and image.problem) or f"{view.settings.image} cannot be read")
    if image.size_bytes != view.settings.size_bytes:
        return Refused(
            f"{view.settings.image} has {image.size_bytes} bytes, the configuration says {view.settings.size_bytes}"
        )
    if image.tail is not TailKind.ZERO:
        return Next(clear_tail(view), "metadata of an earlier life must not come along")
    prepare = FileStep(
        task=FileTask.PREPARE_EXPORT,
        path=view.settings.image,
        volume=view.settings.name,
        deadline=view.settings.deadlines.attach,
        arguments=(
            ("directory", directory),
            ("session", session),
            ("name", f"{view.settings.name}.img"),
            ("client", peer_address),
        ),
    )
    start = commands.start_ggated(view.settings, own_address, f"{directory}/{session}")
    guard = plan_guarded(view.settings, tries, prepare, start)
    if guard is not None:
        return guard
    if tries.of(prepare) == 0 and tries.of(start) == 0:
        return Next(prepare, "the session has a path of its own: an earlier ggatec cannot get in")
    return Next(start, "the primary asked for this node's image")
