"""What is installed from a wheel is whole: data files too."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")


@pytest.mark.timeout(300)
def test_an_installed_copy_has_everything_that_the_checkout_has(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "hafailover", source / "hafailover", ignore=ignored)
    for name in SOURCES:
        shutil.copy(ROOT / name, source / name)
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(source)]
    done = subprocess.run([sys.executable, *install], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    def files(root: Path) -> set[str]:
        found = (path for path in (root / "hafailover").rglob("*") if path.is_file())
        return {str(path.relative_to(root)) for path in found if "__pycache__" not in path.parts}

    assert files(source) == files(target)
    listed = subprocess.run(
        [sys.executable, "-m", "hafailover", "lab", "list"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": str(target), "PATH": "/usr/bin:/bin"},
    )
    assert "primary-power" in listed.stdout, listed.stderr
