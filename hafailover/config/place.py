"""Where is the configuration file, if nobody says otherwise?"""

from pathlib import Path
from typing import Final

DEFAULT_PATH: Final = Path("/usr/local/etc/hafailover.yaml")
