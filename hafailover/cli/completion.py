"""``hafailover completion``: what a shell needs to complete commands and options."""

from typing import Final

import click
from click.shell_completion import get_completion_class

_SHELLS: Final = ("bash", "zsh", "fish", "tcsh")
_VARIABLE: Final = "_HAFAILOVER_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print what lets SHELL complete commands and options.

    Put it where the shell reads it. FreeBSD: bash,
    /usr/local/share/bash-completion/completions/hafailover; zsh,
    /usr/local/share/zsh/site-functions/_hafailover; fish,
    /usr/local/share/fish/vendor_completions.d/hafailover.fish; tcsh, a line in ~/.cshrc. The sh of
    FreeBSD cannot complete arguments.
    """
    if shell == "tcsh":
        click.echo(_tcsh())
        return
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click knows the others
    # It asks the program itself at each tab, so no command needs to be loaded here.
    root = click.Command("hafailover")
    source = found(root, {}, "hafailover", _VARIABLE).source_vars()
    click.echo(found.source_template % source)


def _tcsh() -> str:
    """tcsh(1) takes a fixed list: the commands, and the groups are for the user to type."""
    from hafailover.cli.main import COMMANDS  # noqa: PLC0415 - it names this module

    return f"complete hafailover 'p/1/({' '.join(COMMANDS)})/'"
