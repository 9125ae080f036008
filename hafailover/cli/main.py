"""``hafailover``: every command by name, loaded when it is called, and what an error ends with."""

import contextlib
import importlib
import keyword
import os
import sys
from typing import Final, TextIO

import click

from hafailover import __version__
from hafailover.errors import EX_OSERR, EX_SOFTWARE, HaFailoverError
from hafailover.override import override

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": ("hafailover.cli.run", "run the agent in the foreground"),
    "status": ("hafailover.cli.status", "show who serves, and how the copies stand"),
    "history": ("hafailover.cli.history", "tell what happened, and why"),
    "explain": ("hafailover.cli.explain", "say why this node is primary, or why not"),
    "may-stop": ("hafailover.cli.may_stop", "say whether the data is whole without this host"),
    "plan": ("hafailover.cli.plan", "show the commands that would be run now; runs none"),
    "switchover": ("hafailover.cli.orders", "move a group to the other node, in order"),
    "pause": ("hafailover.cli.orders", "stop changes of role"),
    "resume": ("hafailover.cli.orders", "end a pause"),
    "rejoin": ("hafailover.cli.orders", "let the peer's copy be rebuilt"),
    "divergence": ("hafailover.cli.divergence", "compare the two copies of a group"),
    "resolve": ("hafailover.cli.resolve", "choose between two copies that diverged"),
    "promote": ("hafailover.cli.orders", "make this node primary by force"),
    "clear-hold": ("hafailover.cli.orders", "try again after failed promotions"),
    "drill": ("hafailover.cli.drill", "lose a node on purpose, and measure what clients feel"),
    "replay": ("hafailover.cli.replay", "check a journal against the core, bit for bit"),
    "support": ("hafailover.cli.support", "pack what somebody else needs to see"),
    "completion": ("hafailover.cli.completion", "print what a shell completes commands with"),
    "release-addresses": ("hafailover.cli.release", "take the addresses of a dead agent off"),
    "alert": ("hafailover.cli.alert", "try out how alerts reach people"),
    "check": ("hafailover.cli.check", "check the configuration and this host"),
    "init": ("hafailover.cli.init", "set this node up for the first time"),
    "grow": ("hafailover.cli.grow", "enlarge a volume: image, file system, record"),
    "export-image": ("hafailover.cli.export_image", "copy a volume for a host without hafailover"),
    "import": ("hafailover.cli.import_", "make a configuration from files of freevrrpd and ggate"),
    "sample": ("hafailover.cli.sample", "print an annotated configuration"),
    "lab": ("hafailover.cli.lab", "play with a pair of emulated hosts on Linux"),
    "simulate": ("hafailover.cli.simulate", "strike a simulated pair with random faults"),
}
"""Name, module, one line for the overview.

The object in the module is named like the command, with ``_`` behind it if that is a word of Python.
"""


class LazyGroup(click.Group):
    """Imports the module of a command when that command is called, and no other."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click decides
        """Return the names in the order of the table."""
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click decides
        """Load one command."""
        if cmd_name not in COMMANDS:
            return None
        module_name, _ = COMMANDS[cmd_name]
        module = importlib.import_module(module_name)
        attribute = cmd_name.replace("-", "_")
        command = getattr(module, attribute + "_" * keyword.iskeyword(attribute))
        assert isinstance(command, click.Command), cmd_name  # noqa: S101
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click decides
        """Write the overview without loading anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hafailover")
def entry() -> None:
    """Keep one address and its data served by one of two FreeBSD hosts."""


def main() -> None:
    """Run the command line and end with its exit status."""
    _fill_closed_streams()
    try:
        status = entry.main(prog_name="hafailover", standalone_mode=False)
    except HaFailoverError as error:
        _say(error.message, error.hint)
        sys.exit(error.exit_status)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _say("given up", "")
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        sys.exit(EX_SOFTWARE)
    except OSError as error:
        # A disk that is full, a file that may not be read: no mistake of the program's.
        place = f"{error.filename}: " if error.filename else ""
        _say(f"{place}{error.strerror or error}", "")
        _drop_output()
        sys.exit(EX_OSERR)
    sys.exit(status if isinstance(status, int) else 0)


def _fill_closed_streams() -> None:
    """Whoever closed a stream wants the exit status; the next file opened must not be taken for that stream."""
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - for as long as the process lives


def _drop_output() -> None:
    """Let nothing be left to write at the end, which would fail again and change the exit status."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: str, hint: str) -> None:
    click.echo(f"hafailover: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
