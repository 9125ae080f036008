"""One emulated host in this process whose images are real files, and setups on it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hafailover.config.load import read_text
from hafailover.emulation.kernel import Kernel
from hafailover.lab.host.files import RealFiles
from hafailover.lab.host.undo import power_off
from hafailover.lineage.record import LineageRecord
from hafailover.override import override
from hafailover.runtime.record_slots import read_slots
from hafailover.runtime.settings import NodeSettings
from hafailover.setup.facts import Part, SetupFacts
from hafailover.setup.plan import Plan, plan
from hafailover.setup.refusals import Wishes
from hafailover.setup.steps import SetupStep
from hafailover.system.setup_looks import Said, look, record_path
from hafailover.system.setup_run import carry_out, steps_of
from hafailover.system.setup_work import SetupWork
from tests.emulation.hosts import Host

SIZE = 4 << 20


class PowerCutError(BaseException):
    """The end of everything that runs."""


def text_of(root: Path) -> str:
    """Return the configuration of a pair whose files are in ``root``."""
    return f"""\
version: 1
nodes:
  a: {{lan: 192.0.2.11, replication: 10.0.0.11}}
  b: {{lan: 192.0.2.12, replication: 10.0.0.12}}
networks:
  lan: {{interface: em0}}
  replication: {{interface: em1}}
arbiter: {{kind: ping, targets: [192.0.2.1]}}
channel: {{key_file: {root}/etc/key}}
paths: {{state: {root}/db, run: {root}/run}}
groups:
  web:
    vrid: 7
    priority: {{a: 200, b: 100}}
    addresses: [192.0.2.10/32]
    volumes:
      data:
        image: {root}/images/data.img
        size: {SIZE}B
        mount_point: {root}/mnt
"""


def settings_of(root: Path, node: str) -> NodeSettings:
    """Return the settings of a pair's node that lives in ``root``."""
    return read_text(text_of(root), "f").settings(node)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """When the power goes: before or after so many steps, or calls of the operating system."""

    at: int
    is_after: bool


class Bench:
    """A host, and what happens on it."""

    def __init__(self, root: Path, node: str = "a") -> None:
        self.root = root
        self.settings = settings_of(root, node)
        self.volume = self.settings.groups[0].volumes[0]
        self.image = Path(self.volume.image)
        (root / "var" / "run").mkdir(parents=True)
        self.boot_number = 0
        self.done: list[str] = []
        self._steps = 0
        self.boot()

    def boot(self) -> None:
        """Power on: nothing but the disks is left of what was."""
        self.host = Host()
        self.host.files = RealFiles(str(self.root))  # type: ignore[assignment]
        self.host.kernel = Kernel(self.host.config, self.host.files)
        self.boot_number += 1

    def lose_power(self) -> None:
        """Cut the power, with what was not made durable."""
        for path in self.host.files.held():  # type: ignore[attr-defined]
            self.host.files.forget(path)  # type: ignore[attr-defined]
        power_off(self.root)
        self.boot()

    def run(self, argv: tuple[str, ...], _limit_s: float) -> Said:
        if argv[0] == "ps":
            return Said(status=0, output="1 0 1 Is /sbin/init\n")
        ended = self.host.run(" ".join(argv))
        return Said(status=ended.status, output=ended.stdout, problem=ended.stderr.strip())

    def look(self) -> SetupFacts:
        return look(self.settings, self.run)

    def plan_of(self, part: Part | None = None, **wishes: Any) -> Callable[[SetupFacts], Plan]:
        preferred = Part.SOURCE if self.settings.node == "a" else Part.TARGET
        wanted = Wishes(part=part or preferred, new_id="ab" * 16, **wishes)
        return lambda facts: plan(facts, wanted, str(self.settings.channel.key_file))

    def steps(self, plan_of: Callable[[SetupFacts], Plan]) -> tuple[SetupStep, ...]:
        return steps_of(plan_of(self.look()))

    def set_up(self, plan_of: Callable[[SetupFacts], Plan], cut: Cut | None = None) -> None:
        """Carry a plan out, to the end or to the cut."""
        work = SetupWork(self.settings, self.run, f"boot{self.boot_number}", lambda *_: None)
        self._steps = 0

        class Cutting(SetupWork):
            def __init__(self) -> None:
                pass

            @override
            def do(_self, step: SetupStep) -> str:  # noqa: N805 - the bench is self
                number, self._steps = self._steps, self._steps + 1
                if cut == Cut(at=number, is_after=False):
                    raise PowerCutError
                said = work.do(step)
                self.done.append(step.text)
                if cut == Cut(at=number, is_after=True):
                    raise PowerCutError
                return said

        carry_out(self.look, plan_of, Cutting(), lambda _: None, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.host.advance(int(seconds * 1e9))

    def key(self) -> None:
        """Bring the key from the other node."""
        path = self.settings.channel.key_file
        path.parent.mkdir(exist_ok=True)
        path.write_text("k" * 64)
        path.chmod(0o600)

    def record(self) -> LineageRecord:
        content = record_path(self.settings, "web", "data").read_bytes()
        return read_slots(content, group="web", volume="data").record
