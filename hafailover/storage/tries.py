"""How often has the same step been tried in a row?"""

from dataclasses import dataclass

from hafailover.storage.steps import CommandStep, FileStep, SignalStep, Step

TRIES_MAX = 6
"""After so many fruitless tries of one step in a row the plan counts as failed."""


@dataclass(frozen=True, slots=True)
class Tries:
    """Counts consecutive tries of the same step; another step starts at one again."""

    key: str = ""
    count: int = 0
    last_words: str = ""
    """What the last try said, for the sentence that reports the failure."""

    def of(self, step: Step) -> int:
        """Return how often ``step`` has been tried just before now, without anything else between."""
        return self.count if self.key == step_key(step) else 0

    def plus(self, step: Step, words: str) -> "Tries":
        """Return the counts after one more try of ``step``."""
        return Tries(step_key(step), self.of(step) + 1, words)


def step_key(step: Step) -> str:
    """Return what makes two steps the same step for counting."""
    match step:
        case CommandStep():
            return f"{step.volume}:{step.verb}"
        case FileStep():
            return f"{step.volume}:{step.task.name}"
        case SignalStep():
            return f"{step.volume}:signal {step.what}"
