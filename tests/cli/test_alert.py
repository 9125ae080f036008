"""hafailover alert test: who took the trial?"""

import json
import subprocess
import sys
from pathlib import Path

from tests.cli.json_schemas import assert_fits
from tests.config.texts import PAIR
from tests.courier.server import Web, web_server


def run(directory: Path, alerts: str, *words: str) -> subprocess.CompletedProcess[str]:
    config = directory / "hafailover.yaml"
    config.write_text(PAIR + alerts)
    command = [sys.executable, "-m", "hafailover", "alert", "test", "--config", str(config)]
    return subprocess.run(
        [*command, "--node", "a", *words], capture_output=True, text=True, check=False, timeout=60
    )


def test_each_destination_says_whether_it_took_the_trial(tmp_path: Path) -> None:
    with web_server(Web()) as web:
        alerts = (
            f"alerts:\n  exec: [{{command: [/bin/sh, -c, 'cat >{tmp_path}/given']}}]\n"
            f"  webhook: [{{url: '{web.url}', headers: {{X-Key: k}}}}]\n"
            f"  mail: {{to: [a@example.net], sendmail: {tmp_path}/none}}\n"
            f"  dead_man: {{url: '{web.url}/alive'}}\n"
        )
        done = run(tmp_path, alerts, "--json")

    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert_fits("trial", document)
    outcome = {each["name"]: each for each in document["destinations"]}
    assert outcome["exec 1: /bin/sh"]["delivered"]
    assert outcome[f"webhook 1: {web.url}"]["delivered"]
    assert "cannot be started" in outcome["mail"]["problem"]
    assert outcome["dead man"]["delivered"]
    assert json.loads((tmp_path / "given").read_text())["kind"] == "test"
    assert web.posted[0]["kind"] == "test"
    assert web.headers[0]["X-Key"] == "k"


def test_nobody_to_tell_is_said(tmp_path: Path) -> None:
    done = run(tmp_path, "")

    assert done.returncode == 78
    assert "nobody is told" in done.stderr
