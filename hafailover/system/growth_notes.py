"""Where is noted that a volume is between two sizes? Every start of an agent asks, so little is imported here."""

from pathlib import Path
from typing import Final

from hafailover.errors import UnusableConfigurationError
from hafailover.runtime.settings import NodeSettings, PathSettings

DIRECTORY: Final = "grow"


def growth_path(paths: PathSettings, group: str, volume: str) -> Path:
    """Return where an unfinished enlarging of a volume is noted."""
    return paths.state / DIRECTORY / f"{group}.{volume}.json"


def unfinished(paths: PathSettings) -> tuple[str, ...]:
    """Return the volumes whose enlarging was begun and not finished."""
    return tuple(sorted(each.stem for each in (paths.state / DIRECTORY).glob("*.json")))


def refuse_unfinished(settings: NodeSettings) -> None:
    """Refuse to run an agent over, or to set up, a volume that is between two sizes.

    Raises:
        UnusableConfigurationError: The enlarging of a volume was begun and not finished.
    """
    for name in unfinished(settings.paths):
        raise UnusableConfigurationError(
            f"enlarging {name} was begun and not finished",
            hint=f"finish it first: hafailover grow {name.replace('.', '/', 1)} SIZE, as it was begun; "
            "or with the size that it had, to give it up, as long as only the image is being enlarged",
        )
