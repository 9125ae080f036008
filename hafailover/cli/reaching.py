"""Which control socket does a command talk to?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from hafailover.runtime.settings import PathSettings

DEFAULT_CONFIG: Final = Path("/usr/local/etc/hafailover.yaml")

Function = TypeVar("Function", bound=Callable[..., Any])


def config_option(function: Function) -> Function:
    """Add the option by which the configuration is found."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        default=DEFAULT_CONFIG,
        show_default=True,
        envvar="HAFAILOVER_CONFIG",
        help="The configuration file.",
    )(function)


def reaching_options(function: Function) -> Function:
    """Add the options by which the agent is found."""
    config = click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        default=DEFAULT_CONFIG,
        show_default=True,
        envvar="HAFAILOVER_CONFIG",
        help="The configuration file; it says where the control socket is.",
    )
    socket = click.option(
        "--socket",
        type=click.Path(path_type=Path),
        envvar="HAFAILOVER_SOCKET",
        help="The control socket itself; then no configuration is read.",
    )
    return config(socket(function))


def state_path(config: Path, socket: Path | None) -> Path:
    """Return the directory in which the agent keeps what has to last."""
    if socket is not None or (config == DEFAULT_CONFIG and not config.exists()):
        return PathSettings().state
    from hafailover.config.load import load  # noqa: PLC0415 - as below

    return load(config).paths.state


def socket_path(config: Path, socket: Path | None) -> Path:
    """Return the control socket.

    Without a configuration file the usual place is meant: status should say that no agent runs
    there, and not that a file is missing.
    """
    if socket is not None:
        return socket
    if config == DEFAULT_CONFIG and not config.exists():
        return PathSettings().control_socket
    # Costs a tenth of a second (YAML), which who names the socket need not pay.
    from hafailover.config.load import load  # noqa: PLC0415

    return load(config).paths.control_socket
