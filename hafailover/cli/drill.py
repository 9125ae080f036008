"""``hafailover drill``: lose a node on purpose, see everything come back, and measure what clients feel."""

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hafailover.cli.asking import Known, ask_state, only_group
from hafailover.cli.reaching import reaching_options
from hafailover.config.load import load
from hafailover.drill.outcome import JSON_VERSION, Check, Drill, Verdict
from hafailover.errors import ControlError, HaFailoverError, NotPermittedError
from hafailover.runtime.foresight import Goal, foresee
from hafailover.runtime.settings import NodeSettings

if TYPE_CHECKING:
    from hafailover.drill.conduct import Plan
    from hafailover.drill.exercises import Scenario

EXIT_STATUS: Final = {Verdict.MET: 0, Verdict.MISSED: 1, Verdict.NOT_RUN: 2}
_ALL: Final = "all"
_SCENARIOS: Final = ("planned", "lose-primary", "lose-secondary")


@click.command()
@reaching_options
@click.option(
    "--scenario",
    type=click.Choice([*_SCENARIOS, _ALL]),
    default="planned",
    show_default=True,
    help="What is exercised: a planned move and back; the primary lost; the secondary lost; all three.",
)
@click.option(
    "--rehearse", is_flag=True, help="Move nothing: try all else, and foretell the outage."
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the report to this HTML file, which needs no other.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON document.")
@click.option("--yes", is_flag=True, help="Do not ask; for cron.")
@click.argument("group", required=False)
def drill(
    config: Path,
    socket: Path | None,
    scenario: str,
    report: Path | None,
    group: str | None,
    *,
    rehearse: bool,
    as_json: bool,
    yes: bool,
) -> int:
    """Exercise the failover of GROUP on the running pair, and measure it.

    Run it on the node that serves. Clients lose the service for the time of each move. It refuses to
    begin unless both copies are in sync and nothing is wrong, stops at the first thing that is not as
    it should be, and brings the group back to this node. lose-primary gives this node up in order, its
    copy with it, and lose-secondary ends the peer's export without a word; each costs a full rebuild,
    during which there is one copy, and neither is run with rejoin: manual. Ctrl-C, SIGTERM and SIGHUP
    end the exercise, and bring the group back; once more, and it is left where it serves. The outcome
    is kept and compared with the next one.

    Exit status: 0 if the objectives of the configuration were met, 1 if one was missed, 2 if it was
    not run.
    """
    from hafailover.drill.conduct import Plan  # noqa: PLC0415 - for --help they cost too much
    from hafailover.drill.exercises import Scenario  # noqa: PLC0415 - the same

    if report is not None:
        _refuse_unwritable(report)
    try:
        known = ask_state(config, socket, group)
    except HaFailoverError as error:
        click.echo(f"hafailover: not run: {error.message}\nhint: {error.hint}", err=True)
        return EXIT_STATUS[Verdict.NOT_RUN]
    node = load(config, known.settings.node)
    path = socket or node.paths.control_socket
    names = _SCENARIOS if scenario == _ALL else (scenario,)
    scenarios = tuple(Scenario(name) for name in names)
    if rehearse:
        return _rehearse(node, known, path, scenarios, as_json=as_json)
    if not yes:
        _confirm(known, names)
    plan = Plan(
        socket=path,
        group=known.settings.name,
        scenarios=scenarios,
        settings=node.drill,
        rejoin=known.settings.rejoin,
    )
    found = _conduct(plan, as_json=as_json)
    if found is None:
        return EXIT_STATUS[Verdict.NOT_RUN]
    _alert(path, found)
    return _tell(node, found, report, as_json=as_json)


def _conduct(plan: "Plan", *, as_json: bool) -> Drill | None:
    """Run the drill; None, and said why, if the agent fell silent before anything was moved."""
    from hafailover.drill.conduct import conduct  # noqa: PLC0415 - as above
    from hafailover.drill.pair import AbandonedError  # noqa: PLC0415 - as above

    def tell(text: str) -> None:
        # The terminal may be gone; the group is brought home all the same.
        with contextlib.suppress(OSError):
            click.echo(text, err=as_json)

    handlers = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        return conduct(plan, tell)
    except PermissionError as error:
        raise NotPermittedError("probing the floating address by ICMP") from error
    except AbandonedError as error:
        click.echo(f"hafailover: not run: {error}", err=True)
        return None
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _refuse_unwritable(report: Path) -> None:
    """Notice before anything is moved that the report could not be written afterwards."""
    place = report if report.exists() else report.absolute().parent
    if not place.exists() or not os.access(place, os.W_OK):
        raise click.BadParameter(f"{report} cannot be written", param_hint="'--report'")


def _alert(path: Path, found: Drill) -> None:
    """Have the agent tell what came of it; the report does not depend on whether it can."""
    from hafailover.drill.pair import Pair  # noqa: PLC0415 - for --help it costs too much

    try:
        Pair(path, found.group).order("drilled", found.in_words())
    except ControlError as error:
        click.echo(f"hafailover: nobody was told of the result: {error.message}", err=True)


def _confirm(known: Known, names: tuple[str, ...]) -> None:
    name, node, peer = known.settings.name, known.settings.node, known.settings.peer
    moves = 2 * sum(each != "lose-secondary" for each in names)
    click.echo(f"This exercises {', '.join(names)} on {name}, in production.", err=True)
    if moves:
        click.echo(f"Clients lose {name} {moves} times, for as long as a move takes.", err=True)
    if set(names) != {"planned"}:
        click.echo("There is one copy of the data until the rebuild has ended.", err=True)
    click.echo(f"It begins and ends on {node}; {peer} takes part.", err=True)
    click.confirm("Begin?", abort=True, err=True)


def _tell(node: NodeSettings, found: Drill, report: Path | None, *, as_json: bool) -> int:
    from hafailover.drill.report import render  # noqa: PLC0415 - as above
    from hafailover.drill.shelf import Shelf  # noqa: PLC0415 - as above

    shelf = Shelf(node.paths.state)
    earlier = shelf.earlier(found.group)
    if found.exercises:
        shelf.put(found)
    if report is not None:
        report.write_text(render(found, earlier), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
    else:
        _print(found, report)
    return EXIT_STATUS[found.verdict]


def _print(found: Drill, report: Path | None) -> None:
    from hafailover.drill.report import span_text  # noqa: PLC0415 - as above

    click.echo()
    if found.refusal:
        click.echo(f"not run: {found.refusal}")
        return
    for exercise in found.exercises:
        lost = "not counted" if exercise.writes_lost is None else str(exercise.writes_lost)
        text = f"{exercise.scenario:<16}outage {span_text(exercise.outage_ms)}, writes lost {lost}"
        if exercise.write_stall_ms is not None:
            text += f", writes waited {span_text(exercise.write_stall_ms)}"
        click.echo(text)
        for miss in found.misses(exercise):
            click.echo(f"{'':16}{miss}")
    click.echo(f"{'now':<16}{found.left_behind}")
    if report is not None:
        click.echo(f"{'report':<16}{report}")
    click.echo(f"{'objectives':<16}{found.verdict.value}")


def _rehearse(
    node: NodeSettings,
    known: Known,
    path: Path,
    scenarios: tuple["Scenario", ...],
    *,
    as_json: bool,
) -> int:
    from hafailover.cli.journal_files import journal_lines  # noqa: PLC0415 - as above
    from hafailover.drill import rehearsal  # noqa: PLC0415 - as above
    from hafailover.system.control_client import STATUS_S, ControlClient  # noqa: PLC0415 - as above

    client = ControlClient(path)
    try:
        document = client.ask("status", known.settings.name, patience_s=STATUS_S)
    finally:
        client.close()
    seen = only_group(document["groups"])
    planned = foresee(known.state, known.settings, known.now, Goal.SECONDARY)
    checks = rehearsal.rehearse(seen, known.settings, node.drill, planned, scenarios)
    expected = rehearsal.expect(known.settings, journal_lines(node.paths.journal))
    is_ready = all(each.is_ok for each in checks)
    if as_json:
        click.echo(json.dumps(_rehearsed(seen, checks, expected, is_ready=is_ready), indent=2))
        return 0 if is_ready else EXIT_STATUS[Verdict.NOT_RUN]
    for check in checks:
        click.echo(f"  {'yes' if check.is_ok else 'NO':<4}{check.what}: {check.seen}")
    for each in expected:
        click.echo(f"  expected outage, {each.what}: {each.total_ms / 1000:.1f} s")
        parts = ", ".join(f"{name} {span} ms" for name, span in each.parts)
        click.echo(f"      {parts or 'nothing is known yet'}")
        if each.unknown:
            click.echo(f"      on top, never run here so far: {', '.join(each.unknown)}")
    click.echo("nothing was moved; " + ("a drill can be run" if is_ready else "not ready"))
    return 0 if is_ready else EXIT_STATUS[Verdict.NOT_RUN]


def _rehearsed(
    seen: dict[str, Any], checks: tuple[Check, ...], expected: Any, *, is_ready: bool
) -> dict[str, Any]:
    return {
        "schema": JSON_VERSION,
        "group": seen["group"],
        "node": seen["node"],
        "ready": is_ready,
        "checks": [{"what": each.what, "ok": each.is_ok, "seen": each.seen} for each in checks],
        "expected": [
            {
                "what": each.what,
                "total_ms": each.total_ms,
                "parts": [{"step": name, "ms": span} for name, span in each.parts],
                "unknown": list(each.unknown),
            }
            for each in expected
        ],
    }
