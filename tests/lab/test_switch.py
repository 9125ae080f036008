"""Cables are cut and mended, also those of a host that is gone at that very moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafailover.lab.bystander import Bystander
from hafailover.lab.plan import Cut, Network, lan_machine
from hafailover.lab.switch import Switch

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.lab


def test_a_cable_that_went_with_its_host_is_cut_and_mended_without_a_word(
    in_own_namespaces: Callable[..., None],
) -> None:
    """As a host does that resets itself: nobody has unplugged it yet."""

    async def story() -> None:
        async with Switch() as switch:
            machine = Bystander(lan_machine("client", "192.168.1.50/24"), switch)
            await machine.power_on()
            await switch.cut("client", Network.LAN, Cut.SILENT)
            await switch.heal("client", Network.LAN)

            await switch._delete(switch._ends["client", Network.LAN])

            await switch.cut("client", Network.LAN, Cut.CARRIER)
            await switch.heal("client", Network.LAN)
            await machine.power_off()

    in_own_namespaces(story)
