"""The schema of what surrounds the failover: alerts, metrics, drills."""

from typing import Final

from hafailover.config.network_kinds import Address
from hafailover.config.shape import Key, ListOf, Options, Presence, Scalar, Section
from hafailover.config.words import (
    DAY,
    HOUR,
    LINE,
    MINUTE,
    NAME,
    choice,
    duration,
    integer,
    line,
    nested,
    path,
    program,
    section,
    url,
)
from hafailover.units import SECOND

_SEVERITY: Final = choice(
    "severity", ("note", "warning", "critical"), "warning", "The least severity that is sent here."
)
_DEADLINE: Final = duration("deadline", "10s", "How long one delivery may take.", high=HOUR)

_EXEC: Final = Section(
    keys=(
        program(
            "command",
            Presence.REQUIRED,
            "A command that gets each alert, and its end, as JSON on its standard input.",
            sample="[/usr/local/libexec/on-alert]",
        ),
        _SEVERITY,
        _DEADLINE,
    )
)
_WEBHOOK: Final = Section(
    keys=(
        url(
            "url",
            Presence.REQUIRED,
            "Where the event is posted as JSON.",
            sample="https://alerts.example.net/hook",
        ),
        Key(
            name="headers",
            shape=Options(word=NAME, kind=LINE),
            text="Further header lines.",
            default=Presence.EMPTY,
            is_secret=True,
        ),
        _SEVERITY,
        _DEADLINE,
    )
)
_MAIL: Final = (
    nested("to", ListOf(item=Scalar(kind=LINE), high=32), "Who gets the mails; nobody if empty."),
    line("from", "root", "The sender."),
    path("sendmail", "/usr/sbin/sendmail", "The program that takes the mail."),
    _SEVERITY,
    _DEADLINE,
)
_DEAD_MAN: Final = (
    url(
        "url",
        Presence.OPTIONAL,
        "Called at intervals while all is well.",
        sample="https://alerts.example.net/alive",
    ),
    duration("interval", "5m", "How often.", low=SECOND, high=DAY),
)

ALERTS: Final = (
    nested("exec", ListOf(item=_EXEC, high=16), "Commands that are run."),
    nested("webhook", ListOf(item=_WEBHOOK, high=16), "Web addresses that are posted to."),
    section("mail", _MAIL, "Mail through the local sendmail(8)."),
    nested(
        "apprise",
        ListOf(item=Scalar(kind=LINE), high=16),
        "Destinations in the notation of apprise, which must be installed.",
    ),
    section("dead_man", _DEAD_MAN, "A sign of life to somebody who misses it."),
    duration("repeat", "1h", "How often an alert is repeated while its cause lasts.", low=MINUTE),
    integer(
        "queue",
        "10000",
        "So many undelivered alerts are kept for each destination.",
        (10, 1_000_000),
    ),
)

METRICS: Final = (
    Key(
        name="address",
        shape=Scalar(kind=Address(loopback=True)),
        text="Where metrics, health and the status page are served, read-only.",
        default="127.0.0.1",
    ),
    integer("port", "9181", "The port; 0 is off.", (0, 65535)),
)

DRILL: Final = (
    duration("outage", "30s", "Objective: clients miss the service for no longer.", high=DAY),
    integer("lost_writes", "0", "Objective: no more acknowledged writes are lost.", (0, 1_000_000)),
    duration("write_stall", "5s", "Objective: writes wait no longer.", high=DAY),
    program(
        "probe",
        Presence.EMPTY,
        "A command that exits 0 if the service answers at the floating address.",
        sample="[/usr/local/bin/curl, -fsS, http://192.0.2.10/]",
    ),
    nested(
        "third_host",
        ListOf(item=Scalar(kind=LINE), high=8),
        "The arguments that run a probe from a third host, such as those of ssh(1).",
        sample="[ssh, probe@monitor.example.net]",
    ),
)
