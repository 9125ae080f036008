"""How do the emulated programs get into a host's bin directory?"""

import sys
from pathlib import Path
from typing import Final

from hafailover.emulation.commands.programs import PROGRAMS

_PROCESSES: Final = {"ggated": "ggated", "ggatec": "ggatec"}
_TEXT: Final = """#!{python} -IS
import sys
sys.path.insert(0, {package!r})
from hafailover.lab.host.{module} import main
main({root!r}, [{name!r}, *sys.argv[1:]])
"""


def install(root: Path) -> None:
    """Write every program into ``root/bin``."""
    package = str(Path(__file__).resolve().parents[3])
    (root / "bin").mkdir(parents=True, exist_ok=True)
    for name in (*PROGRAMS, *_PROCESSES, "ps"):
        program = root / "bin" / name
        module = _PROCESSES.get(name, "tool")
        text = _TEXT.format(
            python=sys.executable, package=package, module=module, root=str(root), name=name
        )
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
