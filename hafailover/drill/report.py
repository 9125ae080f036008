"""A drill as one page of HTML that needs nothing else: figures, phases as bars on a time axis, earlier drills."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from hafailover import __version__
from hafailover.drill.outcome import Drill, Exercise, Outage, Phase, Verdict
from hafailover.web.style import STYLE

_WIDTH: Final = 860
_LABEL: Final = 250
_RIGHT: Final = 70
_ROW: Final = 26
_TICKS: Final = (1, 2, 5)
_EARLIER: Final = 12

_STYLE: Final = """
.scroll { overflow-x: auto; } svg { display: block; height: auto; max-width: 100%; min-width: 640px; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg .tick { fill: var(--quiet); }
svg .grid { stroke: var(--line); } svg .phase { fill: var(--phase); } svg .gap { fill: var(--gap); }
"""


def render(drill: Drill, earlier: Sequence[Drill]) -> str:
    """Return the page; ``earlier`` are drills of the same group, oldest first."""
    title = f"Drill of {drill.group}"
    body = "\n".join([*_head(drill), *_exercises(drill), *_history(drill, earlier), *_foot(drill)])
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}: {drill.verdict.value}</title>\n<style>{STYLE}{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def span_text(milliseconds: int | None) -> str:
    """Return a span for a person: ``340 ms``, ``12.4 s``, ``3 min 20 s``."""
    if milliseconds is None:
        return "not measured"
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 120_000:
        return f"{milliseconds / 1000:.1f} s"
    minutes, rest = divmod(milliseconds // 1000, 60)
    return f"{minutes} min {rest} s"


def _head(drill: Drill) -> Iterator[str]:
    limits = drill.objectives
    yield f"<h1>Drill of {escape(drill.group)} <span class='verdict {_class(drill.verdict)}'>"
    yield f"{drill.verdict.value}</span></h1>"
    yield f"<p class='quiet'>{escape(drill.begun_at)}, run on {escape(drill.node)} with {escape(drill.peer)}</p>"
    if drill.refusal:
        yield f"<p>Nothing was run: {escape(drill.refusal)}.</p>"
    yield (
        f"<p>Objectives: clients miss the service for at most {span_text(limits.outage_ms)} (RTO), at most "
        f"{limits.lost_writes} acknowledged writes are lost (RPO), writes beside a lost secondary wait at most "
        f"{span_text(limits.write_stall_ms)}.</p>"
    )
    for note in drill.notes:
        yield f"<p>{escape(note)}</p>"


def _exercises(drill: Drill) -> Iterator[str]:
    for exercise in drill.exercises:
        misses = drill.misses(exercise)
        verdict = Verdict.MISSED if misses else Verdict.MET
        yield "<section>"
        yield f"<h2>{escape(exercise.title)} <span class='verdict {_class(verdict)}'>{verdict.value}</span></h2>"
        yield from (f"<p class='bad'>{escape(each)}</p>" for each in misses)
        yield "<div class='cards'>"
        yield _figure("worst outage (RTO)", span_text(exercise.outage_ms))
        lost = "not counted" if exercise.writes_lost is None else str(exercise.writes_lost)
        yield _figure("acknowledged writes lost (RPO)", f"{lost} of {exercise.writes_acknowledged}")
        if exercise.write_stall_ms is not None:
            yield _figure("longest wait of a write", span_text(exercise.write_stall_ms))
        yield _figure("whole exercise", span_text(exercise.length_ms))
        yield "</div>"
        yield f"<div class='scroll'>{_chart(exercise)}</div>"
        yield from _checks(exercise)
        yield "</section>"


def _figure(label: str, value: str) -> str:
    return f"<div class='card'><b>{escape(value)}</b>{escape(label)}</div>"


def _checks(exercise: Exercise) -> Iterator[str]:
    yield "<table><tr><th>verified</th><th>seen</th><th></th></tr>"
    for check in exercise.checks:
        word, name = ("yes", "good") if check.is_ok else ("NO", "bad")
        yield (
            f"<tr><td>{escape(check.what)}</td><td>{escape(check.seen)}</td>"
            f"<td class='{name}'>{word}</td></tr>"
        )
    yield "</table>"


def _chart(exercise: Exercise) -> str:
    """Return the phases and the outages as bars on one time axis."""
    rows = len(exercise.phases) + len(exercise.outages)
    height = 34 + rows * _ROW
    length = max(exercise.length_ms, 1)
    scale = (_WIDTH - _LABEL - _RIGHT) / length
    about = f"phases of {escape(exercise.scenario)} on a time axis"
    parts = [f"<svg viewBox='0 0 {_WIDTH} {height}' role='img' aria-label='{about}'>"]
    step = _tick(length)
    for at in range(0, length + 1, step):
        x = _LABEL + at * scale
        parts.append(f"<line class='grid' x1='{x:.1f}' x2='{x:.1f}' y1='4' y2='{height - 24}'/>")
        parts.append(
            f"<text class='tick' text-anchor='middle' x='{x:.1f}' y='{height - 8}'>{at / 1000:g} s</text>"
        )
    y = 8
    for phase in exercise.phases:
        parts += _bar(phase.name, phase, "phase", y, scale)
        y += _ROW
    for outage in exercise.outages:
        label = f"no answer: {outage.seen_from.partition(' to ')[0]}"
        parts += _bar(label, outage, "gap", y, scale)
        y += _ROW
    parts.append("</svg>")
    return "".join(parts)


def _bar(label: str, span: Phase | Outage, name: str, y: int, scale: float) -> Iterator[str]:
    length = span.end_ms - span.begin_ms
    x, width = _LABEL + span.begin_ms * scale, max(2.0, length * scale)
    short = label if len(label) <= 40 else f"{label[:39]}…"
    title = f"{escape(label)}: {span_text(length)}"
    yield f"<text x='0' y='{y + 12}'>{escape(short)}<title>{title}</title></text>"
    place = f"x='{x:.1f}' y='{y}' width='{width:.1f}' height='16' rx='3'"
    yield f"<rect class='{name}' {place}><title>{title}</title></rect>"
    yield f"<text x='{x + width + 5:.1f}' y='{y + 12}'>{span_text(length)}</text>"


def _tick(length_ms: int) -> int:
    """Return a round step that gives some eight ticks."""
    step = 100
    while True:
        for factor in _TICKS:
            if length_ms / (step * factor) <= 8:
                return step * factor
        step *= 10


def _history(drill: Drill, earlier: Sequence[Drill]) -> Iterator[str]:
    """Yield this drill beside earlier ones, newest first."""
    drills = [*[each for each in earlier if each.name != drill.name], drill][-_EARLIER:]
    rows = [(each, exercise) for each in reversed(drills) for exercise in each.exercises]
    if len(drills) < 2 or not rows:
        return
    yield "<section><h2>Beside earlier drills</h2><table>"
    yield (
        "<tr><th>drill</th><th>exercise</th><th class='number'>outage</th><th class='number'>lost</th>"
        "<th class='number'>writes waited</th><th>verdict</th></tr>"
    )
    for each, exercise in rows:
        verdict = Verdict.MISSED if each.misses(exercise) else Verdict.MET
        stall = "" if exercise.write_stall_ms is None else span_text(exercise.write_stall_ms)
        lost = "" if exercise.writes_lost is None else str(exercise.writes_lost)
        mark = " (this one)" if each is drill else ""
        yield (
            f"<tr><td>{escape(each.begun_at)}{mark}</td><td>{escape(exercise.scenario)}</td>"
            f"<td class='number'>{span_text(exercise.outage_ms)}</td><td class='number'>{lost}</td>"
            f"<td class='number'>{stall}</td><td class='{_class(verdict)}'>{verdict.value}</td></tr>"
        )
    yield "</table></section>"


def _foot(drill: Drill) -> Iterator[str]:
    if drill.left_behind:
        yield f"<h2>How the group stands now</h2><p>{escape(drill.left_behind)}</p>"
    yield (
        "<p class='quiet'>The outage is the longest time between two answers, the bars of the phases are what "
        "the agents said of themselves. Losing the primary is exercised by giving the node and its copy up in "
        "order: how long the silence of a dead host is waited for comes on top, and hafailover check "
        "says how long that is.</p>"
    )
    yield f"<p class='quiet'>{escape(drill.name)}, hafailover {escape(__version__)}</p>"


def _class(verdict: Verdict) -> str:
    return {Verdict.MET: "good", Verdict.MISSED: "bad", Verdict.NOT_RUN: "warn"}[verdict]
