"""The hand-written way: what a shop writes around a VRRP daemon, with the handbook's steps, on the lab's hosts.

keepalived moves the address and runs one of two scripts. The backup script ends the service, takes the volume
apart and exports the image; the master script ends the export, puts the mirror together from both images, waits
until the whole image is copied, checks, mounts and starts the service. Nobody compares the copies.
"""

from dataclasses import replace
from pathlib import Path

from hafailover.lab.configuration import MEGABYTE, MIRROR
from hafailover.lab.first_setup import allocate, copy
from hafailover.lab.node import Node, NodeFailedError
from hafailover.lab.plan import FLOATING_ADDRESS
from hafailover.lab.world import PRODUCT, Cast, World

_COMMON = """\
#!/bin/sh
# Written by hand: what both scripts share.
PATH={programs}:/usr/sbin:/usr/bin:/sbin:/bin
IMAGE={image}
MIRROR={mirror}
MOUNT={mount}
EXPORTS={etc}/gg.exports
PIDFILE={run}/ggated.pid
case $(hostname) in
A) OWN=10.10.10.1 PEER=10.10.10.2 ;;
*) OWN=10.10.10.2 PEER=10.10.10.1 ;;
esac
exec >>{log}/by-hand.log 2>&1
set -x
"""

_BACKUP = """\
{common}
exec 9>{run}/by-hand.lock
flock 9
lab-workload stop
umount "$MOUNT" || umount -f "$MOUNT"
gmirror stop "$MIRROR"
ggatec destroy -f -u 11
# The label class offers the half again and the mirror is back: learned the hard way.
mdconfig -d -u 10 || mdconfig -d -u 10 -o force
echo "$PEER rw $IMAGE" >"$EXPORTS"
pgrep -f bin/ggated || ggated -a "$OWN" -F "$PIDFILE" "$EXPORTS" 9>&-
"""

_MASTER = """\
{common}
exec 9>{run}/by-hand.lock
flock 9
# The own export stays until the other side has let go and exports: its unmount still writes to this image.
tries=0
while ping -c 1 -W 1 "$PEER" >/dev/null && [ "$tries" -lt 30 ]; do
    ggatec create -o rw -u 11 "$PEER" "$IMAGE" 9>&- && both=yes && break
    tries=$((tries + 1))
    sleep 1
done
while pkill -f bin/ggated; do sleep 0.2; done
mdconfig -a -t vnode -f "$IMAGE" -u 10
# The copy first, then the mount.
wanted=DEGRADED
[ -z "${{both:-}}" ] || wanted=COMPLETE
until gmirror status -s "$MIRROR" | grep -q "$wanted"; do sleep 1; done
fsck_ffs -p "/dev/mirror/$MIRROR" || fsck_ffs -y "/dev/mirror/$MIRROR"
mount "/dev/mirror/$MIRROR" "$MOUNT"
lab-workload start 9>&-
"""

_AGENT = """\
#!/bin/sh
# The VRRP daemon; the lab waits for a control socket's name.
mkdir -p {agent_run}
: >{agent_run}/control.sock
rm -f {run}/keepalived.pid {run}/vrrp.pid
priority=200
[ "$(hostname)" = A ] && priority=253
cat >{etc}/keepalived.conf <<END
global_defs {{
  router_id $(hostname)
  script_user root
}}
vrrp_instance web {{
  state BACKUP
  interface lnc1
  virtual_router_id 51
  priority $priority
  advert_int 1
  version 2
  virtual_ipaddress {{
    {address}/32
  }}
  notify_master {etc}/master.sh
  notify_backup {etc}/backup.sh
}}
END
exec keepalived -P -n -l -f {etc}/keepalived.conf -p {run}/keepalived.pid -r {run}/vrrp.pid
"""


def write_scripts(world: World) -> None:
    """Put the scripts on both nodes, before they are started."""
    files = world.paths.files
    places = {
        "programs": files.programs,
        "image": world.paths.image,
        "mirror": MIRROR,
        "mount": files.mount_point,
        "etc": world.paths.configuration.parent,
        "run": files.run,
        "log": files.log,
        "agent_run": files.agent_run,
        "address": FLOATING_ADDRESS,
    }
    common = _COMMON.format(**places)
    for node in world.nodes:
        own = replace(world.paths, own=world.directory / node)
        for name, text in (("backup", _BACKUP), ("master", _MASTER), ("agent", _AGENT)):
            script = own.configuration.parent / f"{name}.sh"
            script.write_text(text.format(common=common, **places))
            script.chmod(0o700)


def script(world: World, name: str) -> Path:
    """Return where a script is on each node, in the node's own view."""
    return world.paths.configuration.parent / f"{name}.sh"


def cast(directory: Path) -> Cast:
    """Return who plays in a world in ``directory``."""
    agent = directory / "self" / "etc" / "agent.sh"
    return replace(PRODUCT, agent=lambda _: ["/bin/sh", str(agent)], prepare=_prepare)


async def _prepare(world: World) -> None:
    """Make the mirror of both images and the file system on it, as the handbook does."""
    write_scripts(world)
    first, second = world.nodes.values()
    image, own = str(world.paths.image), str(world.paths.own)
    size = world.tuning.image_megabytes * MEGABYTE
    for node in (first, second):
        allocate(world.image(node.name), size)
    await _do(first, "mdconfig", "-a", "-t", "vnode", "-f", image, "-u", "10")
    await _do(first, "gmirror", "label", "-b", "prefer", MIRROR, "md10")
    await _do(first, "newfs", "-U", "-j", f"/dev/mirror/{MIRROR}")
    copy(world.image(first.name), world.image(second.name))
    exports = f"{own}/etc/gg.exports"
    (world.directory / second.name / "etc" / "gg.exports").write_text(f"10.10.10.1 rw {image}\n")
    pidfile = f"{world.paths.files.run}/ggated.pid"
    await _do(second, "ggated", "-a", "10.10.10.2", "-F", pidfile, exports)
    await _do(first, "ggatec", "create", "-o", "rw", "-u", "11", "10.10.10.2", image)
    await _do(first, "gmirror", "insert", MIRROR, "ggate11")
    waiting = f"until gmirror status -s {MIRROR} | grep -q COMPLETE; do sleep 0.2; done"
    await _do(first, "sh", "-c", waiting)
    await _do(first, "gmirror", "stop", MIRROR)
    await _do(first, "ggatec", "destroy", "-f", "-u", "11")
    await _do(first, "mdconfig", "-d", "-u", "10")
    await _do(second, "sh", "-c", "while pkill -f bin/ggate[d]; do sleep 0.2; done")


async def _do(node: Node, *words: str) -> None:
    ended = await node.run(*words, deadline_s=300.0)
    if ended.status != 0:
        said = (ended.error or ended.output).strip()
        raise NodeFailedError(f"node {node.name}: {' '.join(words)}: {ended.status}: {said}")
