"""Which destinations of alerts follow from a file without errors?"""

from hafailover.config.checked import Checked
from hafailover.group.actions import Severity
from hafailover.runtime.settings import (
    AlertHookSettings,
    AlertSettings,
    DeadManSettings,
    MailSettings,
    WebhookSettings,
)
from hafailover.units import Nanoseconds


def build_alerts(alerts: Checked) -> AlertSettings:
    """Return the settings of the section ``alerts``."""
    return AlertSettings(
        hooks=tuple(
            AlertHookSettings(
                command=hook.items("command", str),
                severity=_severity(hook),
                deadline=_span(hook, "deadline"),
            )
            for hook in alerts.items("exec", Checked)
        ),
        webhooks=tuple(
            WebhookSettings(
                url=hook.take("url", str),
                headers=tuple(hook.take("headers", dict).items()),
                severity=_severity(hook),
                deadline=_span(hook, "deadline"),
            )
            for hook in alerts.items("webhook", Checked)
        ),
        mail=_mail(alerts.section("mail")),
        apprise=alerts.items("apprise", str),
        dead_man=_dead_man(alerts.section("dead_man")),
        repeat=_span(alerts, "repeat"),
        queue=alerts.take("queue", int),
    )


def _mail(mail: Checked) -> MailSettings | None:
    to = mail.items("to", str)
    if not to:
        return None
    return MailSettings(
        to=to,
        sender=mail.take("from", str),
        sendmail=mail.take("sendmail", str),
        severity=_severity(mail),
        deadline=_span(mail, "deadline"),
    )


def _dead_man(section: Checked) -> DeadManSettings | None:
    url = section.maybe("url", str)
    return DeadManSettings(url=url, interval=_span(section, "interval")) if url else None


def _severity(section: Checked) -> Severity:
    return Severity(section.take("severity", str))


def _span(section: Checked, key: str) -> Nanoseconds:
    return Nanoseconds(section.take(key, int))
