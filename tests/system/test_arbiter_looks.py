"""What ``check`` sees of a fence device, and of a cluster that is not there."""

from pathlib import Path

from hafailover.runtime.settings import EtcdSettings, FenceAgentSettings, NodeSettings
from hafailover.system.arbiter_looks import look_at_arbiter
from hafailover.system.runner import Runner
from tests.system.conftest import Bench


def test_a_fence_agent_is_asked_about_both_nodes(
    bench: Bench, runner: Runner, tmp_path: Path
) -> None:
    program = tmp_path / "fence"
    program.write_text(
        "#!/bin/sh\ngrep -q port=2 && { echo Status: OFF; exit 2; }\necho Status: ON\n"
    )
    program.chmod(0o755)
    fence = FenceAgentSettings(
        command=(str(program),), options=(("a", (("port", "1"),)), ("b", (("port", "2"),)))
    )
    settings = NodeSettings(node="a", peer="b", fence=fence)
    facts = bench.loop.run_until_complete(look_at_arbiter(settings, runner))
    assert facts.etcd is None
    assert facts.fence is not None
    assert facts.fence.said == {"a": ("on", "status: on"), "b": ("off", "status: off")}


def test_a_certificate_that_is_missing_is_a_problem_and_no_crash(
    bench: Bench, runner: Runner, tmp_path: Path
) -> None:
    etcd = EtcdSettings(endpoints=("https://127.0.0.1:1",), ca_file=tmp_path / "none.pem")
    facts = bench.loop.run_until_complete(
        look_at_arbiter(NodeSettings(node="a", peer="b", etcd=etcd), runner)
    )
    assert facts.etcd is not None
    assert "none.pem" in facts.etcd.problem
