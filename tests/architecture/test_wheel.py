"""What is built is whole: the sdist, the wheel made from it, and what is installed where nothing else is."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEFT_OUT = ("__pycache__", ".*", "*.egg-info", "tests", "benchmarks", "vagrant")
BUILD = """
import sys
from setuptools import build_meta
print(getattr(build_meta, sys.argv[1])(sys.argv[2]))
"""
SHARED = {
    "share/doc/hafailover": ("README.md", "CHANGELOG.md", "docs/*.md"),
    "share/examples/hafailover": (
        "docs/examples/*.yaml",
        "rc.d/hafailover.devd.conf",
        "rc.d/hafailover.newsyslog.conf",
    ),
    "share/examples/hafailover/fence": ("docs/examples/fence/*",),
    "share/examples/hafailover/monitoring": ("docs/monitoring/*",),
    "share/hafailover/json": ("docs/json/*.json",),
    "share/hafailover/rc.d": ("rc.d/hafailover",),
    "share/man/man5": ("docs/man/*.5",),
    "share/man/man8": ("docs/man/*.8",),
}
PURE = ("--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none")


def run(*argv: object, cwd: Path, **variables: str) -> str:
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment(path: Path) -> Path:
    run(sys.executable, "-m", "venv", path, cwd=path.parent)
    return path / "bin" / "python"


def build(python: Path, what: str, source: Path, target: Path) -> Path:
    target.mkdir(exist_ok=True)
    return target / run(python, "-c", BUILD, what, target, cwd=source).splitlines()[-1]


def names(root: Path, *patterns: str) -> set[str]:
    return {path.name for pattern in patterns for path in root.glob(pattern) if path.is_file()}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_wheel_from_the_sdist_runs_where_nothing_is_compiled(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(*LEFT_OUT))
    builder = environment(tmp_path / "builder")
    run(builder, "-m", "pip", "install", "--quiet", "setuptools>=70.1", cwd=tmp_path)
    sdist = build(builder, "build_sdist", checkout, tmp_path / "dist")
    unpack = ("/usr/bin/env", "tar", "-xzf", sdist, "-C", tmp_path)
    subprocess.run(unpack, check=True)
    source = tmp_path / sdist.name.removesuffix(".tar.gz")
    # What the port takes from it, and what is installed beside the package.
    assert (source / "LICENSE").exists()
    for place, patterns in SHARED.items():
        assert names(source, *patterns) == names(ROOT, *patterns), place
    wheel = build(builder, "build_wheel", source, tmp_path / "dist")
    assert wheel.name.endswith("-py3-none-any.whl")

    # Of the dependencies only wheels without machine code count; PyYAML has one only from its source.
    house = tmp_path / "house"
    requires = re.findall(
        r"^    (\S+)>=",
        (ROOT / "setup.cfg").read_text().split("install_requires")[1].split("\n\n")[0],
        re.MULTILINE,
    )
    pure = [name for name in requires if name != "PyYAML"]
    pip = (builder, "-m", "pip")
    run(*pip, "download", "--quiet", "--no-deps", *PURE, "--dest", house, *pure, cwd=tmp_path)
    from_source = ("--no-deps", "--no-binary=PyYAML", "--wheel-dir", house, "PyYAML")
    run(*pip, "wheel", "--quiet", *from_source, cwd=tmp_path, PYYAML_FORCE_LIBYAML="0")

    python = environment(tmp_path / "clean")
    offline = ("--no-index", "--find-links", house)
    run(python, "-m", "pip", "install", "--quiet", *offline, wheel, cwd=tmp_path)
    installed = next((tmp_path / "clean").glob("lib/python*/site-packages"))
    compiled = [path.name for path in installed.rglob("*.so") if "pip" not in path.parts]
    assert compiled == []

    def files(root: Path) -> set[str]:
        found = (path for path in (root / "hafailover").rglob("*") if path.is_file())
        return {str(path.relative_to(root)) for path in found if "__pycache__" not in path.parts}

    assert files(checkout) == files(installed)
    for place, patterns in SHARED.items():
        assert names(tmp_path / "clean" / place, "*") == names(ROOT, *patterns), place
    program = python.parent / "hafailover"
    assert "primary-power" in run(program, "lab", "list", cwd=tmp_path)
    example = tmp_path / "clean/share/examples/hafailover/plain-vrrp.yaml"
    assert "usable" in run(program, "check", "--offline", "--config", example, cwd=tmp_path)


def test_the_port_names_the_version_and_every_dependency() -> None:
    port = ROOT / "scripts" / "port"
    makefile = (port / "Makefile").read_text()
    setup = (ROOT / "setup.cfg").read_text().split("install_requires =\n")[1].split("\n\n")[0]
    wanted = {line.strip().lower() for line in setup.splitlines()}
    named = re.findall(r"\$\{PYTHON_PKGNAMEPREFIX\}(\S+?):\S+@\$\{PY_FLAVOR\}", makefile)
    assert {name for name in named if ">0" not in name} == wanted
    version = re.search(r'__version__.*= "(.+)"', (ROOT / "hafailover" / "__init__.py").read_text())
    assert version is not None
    assert f"DISTVERSION=\t{version[1]}\n" in makefile
    # What make(1) runs and what assigns is set off by tabs, and the framework is included last.
    assert makefile.rstrip().endswith(".include <bsd.port.mk>")
    assert not re.search(r"^ +", makefile, re.MULTILINE)
    for line in (port / "pkg-plist").read_text().splitlines():
        name = line.removeprefix("@sample ")
        assert name.removesuffix(".sample") == name or line.startswith("@sample ")
        assert name in makefile or f"{Path(name).parent}" in makefile
    assert max(map(len, (port / "pkg-descr").read_text().splitlines())) <= 80


def test_the_port_has_its_variables_in_the_order_of_the_porters_handbook() -> None:
    """Chapter "Order of Variables in Port Makefiles": blocks, and names within each, set off by an empty line."""
    blocks = (
        ("PORTNAME", "DISTVERSION", "CATEGORIES", "MASTER_SITES"),
        ("MAINTAINER", "COMMENT", "WWW"),
        ("LICENSE", "LICENSE_FILE"),
        ("ONLY_FOR_ARCHS", "ONLY_FOR_ARCHS_REASON"),
        ("BUILD_DEPENDS", "RUN_DEPENDS"),
        ("USES", "USE_PYTHON"),
        ("NO_ARCH", "SUB_FILES"),
    )
    text = (ROOT / "scripts" / "port" / "Makefile").read_text()
    found = [
        tuple(re.findall(r"^([A-Z_]+)=\t", block, re.MULTILINE)) for block in text.split("\n\n")
    ]
    assert tuple(names for names in found if names) == blocks
    values = dict(re.findall(r"^([A-Z_]+)=\t+(.+)$", text, re.MULTILINE))
    assert len(values["COMMENT"]) <= 70
    assert values["COMMENT"][0].isupper()
    assert not values["COMMENT"].endswith(".")
    # What only the submitter has is told apart by a name that nobody can have (RFC 2606), and listed.
    readme = (ROOT / "scripts" / "port" / "README.md").read_text()
    assert {values["MASTER_SITES"], values["WWW"]} <= set(
        re.findall(r"https://example.org\S+/", readme)
    )
    assert values["MAINTAINER"] in readme
