"""Commands that do not come to their own end."""

import os
import signal
import subprocess
import sys
import time

import click
import pytest
from click.testing import CliRunner

from mockserver.cli.console import Console

COMMAND = (sys.executable, "-m", "mockserver")


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_tells_so_and_finishes_its_reports(tmp_path, signum, status):
    report = tmp_path / "report.xml"
    process = subprocess.Popen(
        [*COMMAND, "contract", "test", "--report", f"junit={report}"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    while not report.exists():
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signum)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert err.decode().splitlines()[-1] == "Interrupted."
    assert report.read_text().rstrip().endswith("</testsuites>")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [("operations",), ("contract", "show")])
def test_a_full_standard_output_is_no_finding(arguments):
    with open("/dev/full", "w") as full:
        process = subprocess.run([*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert (process.returncode, process.stderr) == (2, b"Error: No space left on device.\n")


def test_no_folder_for_temporary_files_is_said(tmp_path):
    program = (
        "import os, tempfile, sys\n"
        "tempfile._candidate_tempdir_list = lambda: ['/proc/none']\n"
        "from mockserver.cli import main\n"
        "main(['contract', 'test'])\n"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert process.returncode == 2
    assert process.stderr.startswith("Error: No usable temporary directory found in ['/proc/none']")
    assert "Traceback" not in process.stderr


def test_results_and_refusals_are_as_ever():
    @click.group(cls=Console)
    def main():
        pass

    @main.command()
    @click.argument("what")
    def end(what):
        match what:
            case "exit":
                sys.exit(1)
            case "context":
                click.get_current_context().exit(130)
            case "refuse":
                raise click.ClickException("no")
            case "use":
                raise click.UsageError("no")
            case "interrupt":
                raise KeyboardInterrupt

    results = {
        what: CliRunner().invoke(main, ["end", what]).exit_code
        for what in ("fine", "exit", "context", "refuse", "use", "interrupt")
    }
    assert results == {"fine": 0, "exit": 1, "context": 130, "refuse": 1, "use": 2, "interrupt": 130}
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
