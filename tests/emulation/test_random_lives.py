"""Whatever is done to two hosts in whatever order: does the model hold together?

After each life of arbitrary commands, frozen links, writes and losses of power, everything that
waits ends once the gates are destroyed, the devices let themselves be taken down, and a mirror that
was built up anew from one side holds the same bytes on both.
"""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hafailover.emulation.kernel import Kernel
from hafailover.units import MILLISECOND, SECOND
from tests.emulation.hosts import MEGABYTE, Host, complete, pair, wait_status

COMMANDS = (
    "mdconfig -a -t vnode -f /img/a -u 10",
    "mdconfig -d -u 10",
    "mdconfig -d -u 10 -o force",
    "gmirror label -b prefer data md10",
    "gmirror label data ggate10 md10",
    "gmirror insert data ggate10",
    "gmirror insert data md10",
    "gmirror remove data ggate10",
    "gmirror remove data md10",
    "gmirror deactivate data ggate10",
    "gmirror activate data ggate10",
    "gmirror rebuild data ggate10",
    "gmirror rebuild data md10",
    "gmirror forget data",
    "gmirror configure -p 7 data md10",
    "gmirror configure -b load data",
    "gmirror stop data",
    "gmirror stop -f data",
    "gmirror destroy data",
    "gmirror clear md10",
    "gmirror status -s",
    "ggatec destroy -u 10",
    "ggatec destroy -f -u 10",
    "newfs -U -j /dev/mirror/data",
    "newfs -U /dev/md10",
    "fsck_ffs -p /dev/mirror/data",
    "fsck_ffs -f -y /dev/mirror/data",
    "mount /dev/mirror/data /mnt/data",
    "mount -u -o ro /mnt/data",
    "umount /mnt/data",
    "umount -f /mnt/data",
    "sysctl -n kern.geom.confxml",
)

ACTS = st.one_of(
    st.sampled_from([("run", command) for command in COMMANDS]),
    st.sampled_from([("connect", ""), ("freeze", ""), ("thaw", ""), ("error", ""), ("power", "")]),
    st.sampled_from([("write", ""), ("pass", "50"), ("pass", "3000"), ("pass", "12000")]),
)


class Life:
    """Two hosts and what happens to them."""

    def __init__(self) -> None:
        self.one, self.two = pair(size=2 * MEGABYTE)
        self.tickets: list[int] = []

    def act(self, verb: str, word: str) -> None:
        one = self.one
        link = one.links.get(10)
        match verb:
            case "run":
                self.tickets.append(one.start(word))
            case "connect" if 10 not in one.kernel.machine.gates.units:
                one.connect(self.two, "/img/b", 10, timeout=5)
            case "freeze" if link is not None:
                link.frozen = True
            case "thaw" if link is not None:
                link.error = 0
                link.thaw()
            case "error" if link is not None:
                link.error = 5
            case "write" if one.kernel.open_device("mirror/data") is not None:
                one.write("mirror/data", MEGABYTE, b"w" * 4096)
            case "pass":
                one.advance(int(word) * MILLISECOND)
            case "power":
                self.power_off()
            case _:
                # Nothing to do it to: no link yet, or no mirror.
                return

    def power_off(self) -> None:
        one = self.one
        one.kernel = Kernel(one.config, one.files)
        one.now = 0
        one.links.clear()
        one.done.clear()
        self.tickets.clear()

    def settle(self) -> None:
        """Give everything the end that an operator would."""
        one = self.one
        one.links.clear()
        one.start("ggatec destroy -f -u 10")
        one.advance(120 * SECOND)
        assert all(ticket in one.done for ticket in self.tickets), one.kernel.pending()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(st.lists(ACTS, max_size=25), st.sampled_from(["empty", "complete"]))
def test_every_life_ends_in_order(acts: list[tuple[str, str]], start: str) -> None:
    life = Life()
    if start == "complete":
        complete(life.one, life.two, timeout=5)
    for verb, word in acts:
        life.act(verb, word)
    life.settle()
    one = life.one
    for line in ("umount -f /mnt/data", "gmirror stop -f data"):
        one.run(line)
    one.advance(10 * SECOND)
    one.run("gmirror destroy data")
    one.ok_if_there("mdconfig -d -u 10 -o force")
    one.advance(10 * SECOND)
    left = {name for name in one.kernel.machine.topology.providers if "vtbd0" not in name}
    assert left == {"gpt/rootfs"}
    assert one.kernel.pending() == {}
    rebuild(one, life.two)


def rebuild(one: Host, two: Host) -> None:
    """Go by the book: clear, attach, label, insert; then both sides are the same."""
    for host, path in ((one, "/img/a"), (two, "/img/b")):
        host.files.pwrite(path, 2 * MEGABYTE - 512, bytes(512))
    one.ok("mdconfig -a -t vnode -f /img/a -u 11", "gmirror label -b prefer data md11")
    one.connect(two, "/img/b", 11)
    one.ok("gmirror insert -p 0 data ggate11")
    wait_status(one, "COMPLETE", "ggate11 (ACTIVE)")
    one.ok("gmirror destroy data")
    size = 2 * MEGABYTE
    assert one.files.pread("/img/a", 0, size) == two.files.pread("/img/b", 0, size)
