"""One enlarging under the agent's own lock, and what a running agent has to say before."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hafailover.cli.setting_up import Locked, show_progress, tell
from hafailover.config.load import load
from hafailover.config.resize import NotEditableError
from hafailover.config.spans import render_size
from hafailover.errors import ControlError
from hafailover.runtime.settings import NodeSettings
from hafailover.setup.grow import holds_data, plan_growth
from hafailover.setup.growth import GrowthFacts, GrowthPlan, GrowthStep
from hafailover.setup.growth_refusals import way_back
from hafailover.system.control_client import STATUS_S, ControlClient
from hafailover.system.growth_looks import edited, look_at_growth
from hafailover.system.growth_work import GrowthWork
from hafailover.system.setup_looks import run_command
from hafailover.system.setup_run import carry_out, steps_of

if TYPE_CHECKING:
    from hafailover.cli.grow import Target


class Growing(Locked):
    """An enlarging of one volume on this node."""

    def __init__(self, target: "Target") -> None:
        """Take the lock.

        Raises:
            SecondAgentError: The agent runs.
        """
        super().__init__(target.settings)
        self._target = target
        self._text = ""
        self._settings = target.settings
        self._problem = ""
        self._new_id = os.urandom(16).hex()
        self._work = GrowthWork(
            target.settings.paths, self._look, run_command, self._configuration, show_progress
        )

    def source(self) -> str:
        """Return the node whose copy holds the data."""
        settings = self._target.settings
        return settings.node if holds_data(self._look()) else settings.peer

    def goes_back(self) -> bool:
        """Whether an enlarging that was begun is given up."""
        return self._target.wanted == way_back(self._look())

    def steps(self) -> tuple[GrowthStep, ...]:
        """Return what is left to do."""
        return steps_of(self._plan(self._look()))

    def carry_out(self) -> None:
        """Do it."""
        carry_out(self._look, self._plan, self._work, tell)

    def _plan(self, facts: GrowthFacts) -> GrowthPlan:
        return plan_growth(facts, self._target.wanted, self._new_id)

    def _look(self) -> GrowthFacts:
        """Look at this host, and into the configuration file, which changes on the way."""
        target = self._target
        text = target.config.read_text()
        if text != self._text:
            self._text = text
            self._settings = load(target.config, target.settings.node)
            try:
                self._configuration()
                self._problem = ""
            except NotEditableError as error:
                self._problem = str(error)
        return look_at_growth(
            self._settings, target.group, target.volume, run_command, self._problem
        )

    def _configuration(self) -> tuple[Path, str]:
        target = self._target
        size = render_size(target.wanted)
        text = edited(target.config, target.settings.node, target.group, target.volume, size)
        return target.config, text


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentState:
    """What a running agent says about the group."""

    source: str
    """The node that serves, or would."""
    advice: str
    """What to do first."""


def ask_agent(settings: NodeSettings, group: str) -> AgentState:
    """Return who serves, and what comes first on this node."""
    try:
        client = ControlClient(settings.paths.control_socket)
        try:
            document = client.ask("status", group, patience_s=STATUS_S)
        finally:
            client.close()
    except ControlError as error:
        return AgentState(
            source=settings.node,
            advice=f"the agent does not answer: {error.message}; 'hafailover status' has to answer first",
        )
    return judge(settings, document["groups"][0])


def judge(settings: NodeSettings, said: dict[str, Any]) -> AgentState:
    """Say what comes first, from a group's status."""
    is_source = said["role"] == "primary"
    source = settings.node if is_source else settings.peer
    if said["health"] == "healthy" and is_source:
        advice = f"the pair is healthy; begin on the other node, {settings.peer}"
    elif said["health"] == "healthy":
        advice = "the pair is healthy; begin here: service hafailover stop"
    elif is_source and not said["peer"]["heard"]:
        advice = f"{settings.peer} is away; if it was enlarged already, go on here: service hafailover stop"
    else:
        advice = f"mend the pair first: {said['headline']}"
    return AgentState(source=source, advice=advice)
