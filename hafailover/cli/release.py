"""``hafailover release-addresses``: what a dead agent left on the interfaces goes."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from hafailover.cli.reaching import socket_path
from hafailover.config.load import load
from hafailover.config.place import DEFAULT_PATH
from hafailover.errors import AgentNotRunningError, EdgeError
from hafailover.group.settings import GroupSettings
from hafailover.system.child import Ended
from hafailover.system.control_client import ControlClient
from hafailover.system.ifconfig import (
    Interface,
    InterfaceView,
    look_command,
    parse_interface,
    release_command,
)
from hafailover.system.runner import Runner, search_path
from hafailover.units import seconds

JSON_VERSION: Final = 1
_DEADLINE: Final = seconds(5)


@click.command("release-addresses")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_PATH,
    show_default=True,
    envvar="HAFAILOVER_CONFIG",
    help="The configuration file.",
)
@click.option("--node", envvar="HAFAILOVER_NODE", help="Which of the nodes this host is.")
@click.option("--json", "as_json", is_flag=True, help="Print what was taken off as JSON.")
def release_addresses(config: Path, node: str | None, *, as_json: bool) -> int:
    """Take the virtual addresses off this host's interfaces.

    For an agent that died: its addresses stay with the kernel, and clients go on reaching a host
    that nobody looks after. Refused while an agent answers. The service script calls it after a
    stop. Exit status: 0 if none of the addresses is up any more, 1 otherwise.
    """
    settings = load(config, node)
    if _is_running(socket_path(config, None)):
        raise EdgeError(
            "the agent is running, and the addresses are its own",
            hint="stop it first: service hafailover stop",
        )
    wanted = wanted_addresses(settings.groups)
    found, left = asyncio.run(_release(wanted, os.environ))
    if as_json:
        gone = [each for each in found if each not in left]
        document = {"schema": JSON_VERSION, "released": _json(gone), "left": _json(left)}
        click.echo(json.dumps(document, indent=2))
        return 1 if left else 0
    for interface, address in found:
        if (interface, address) not in left:
            click.echo(f"{address} was taken off {interface}")
    for interface, address in left:
        click.echo(f"hafailover: {address} is still on {interface}", err=True)
    return 1 if left else 0


def wanted_addresses(groups: tuple[GroupSettings, ...]) -> dict[str, tuple[Interface, ...]]:
    """Return the virtual addresses by interface, without those that this node owns."""
    found: dict[str, tuple[Interface, ...]] = {}
    for group in groups:
        own = {router.primary_address for router in group.routers}
        virtual = tuple(address for address in group.addresses if address.ip not in own)
        found[group.interface] = (*found.get(group.interface, ()), *virtual)
    return found


def _is_running(socket: Path) -> bool:
    try:
        ControlClient(socket).close()
    except AgentNotRunningError:
        return False
    return True


def _json(addresses: list[tuple[str, Interface]]) -> list[dict[str, str]]:
    return [{"interface": interface, "address": str(address)} for interface, address in addresses]


async def _release(
    wanted: Mapping[str, tuple[Interface, ...]], environment: Mapping[str, str]
) -> tuple[list[tuple[str, Interface]], list[tuple[str, Interface]]]:
    """Take the addresses off; return which there were, and which are there still."""
    runner = Runner(asyncio.get_running_loop(), path=search_path(environment))
    try:
        found = await _present_of(runner, wanted)
        for interface, address in found:
            await _ask(runner, release_command(interface, address))
        return found, await _present_of(runner, wanted)
    finally:
        runner.close()


async def _present_of(
    runner: Runner, wanted: Mapping[str, tuple[Interface, ...]]
) -> list[tuple[str, Interface]]:
    return [
        (interface, address)
        for interface, addresses in wanted.items()
        for address in await _present(runner, interface, addresses)
    ]


async def _present(
    runner: Runner, interface: str, addresses: tuple[Interface, ...]
) -> list[Interface]:
    """Return those that are on the interface; all of them if that cannot be seen."""
    ended = await _ask(runner, look_command(interface))
    view = parse_interface(ended.stdout.decode(errors="replace"))
    if not isinstance(view, InterfaceView):
        return list(addresses)
    ips = {address.ip for address in view.addresses}
    return [address for address in addresses if address.ip in ips]


async def _ask(runner: Runner, argv: tuple[str, ...]) -> Ended:
    answer: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
    runner.start(argv, deadline=_DEADLINE, done=answer.set_result)
    return await answer
