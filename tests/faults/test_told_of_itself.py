"""The real daemon tells how it is and what needs somebody, to `stackd status`, to Prometheus and to a command."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.real_service import RealService, shoot, wait_until

NOTE = "import os, sys; open(sys.argv[1], 'a').write(os.environ['STACKD_EVENT'] + ' ' + os.environ['STACKD_SENTENCE'] + '\\n')"


def status(service: RealService, *more: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "stackd", "status", "--config", str(service.config), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def configure(service: RealService) -> None:
    command = json.dumps([sys.executable, "-c", NOTE, str(service.place / "heard")])
    more = f'\n[metrics]\nfile = "stackd.prom"\n[notify]\ncommand = {command}\non = ["blocked"]\n'
    service.config.write_text(service.config.read_text().replace("\n[recipe", f"{more}[recipe"))


def test_a_blocked_stack_is_told_by_command_metrics_and_exit_code(tmp_path: Path) -> None:
    service = RealService(tmp_path)
    configure(service)
    service.start()
    try:
        well = status(service, "--check")
        service.output.rmdir()
        shoot(service.inbox)
        heard = service.place / "heard"
        wait_until(lambda: heard.exists() and heard.read_text().endswith("\n"), what="the command")
        blocked = status(service, "--check")
        text = status(service).stdout

        # A service that hangs writes nothing: its facts grow old. Not by waiting here, but by their date.
        assert service.process is not None
        service.process.send_signal(signal.SIGSTOP)
        facts = service.place / "state" / "health.json"
        told = json.loads(facts.read_text())
        facts.write_text(json.dumps({**told, "written_s": told["written_s"] - 120.0}))
        hanging = status(service, "--check")
        service.process.send_signal(signal.SIGCONT)
    finally:
        service.stop()

    assert (well.returncode, well.stdout) == (0, "All is well.\n")
    assert heard.read_text().startswith("blocked ")
    assert heard.read_text().count("\n") == 1
    assert blocked.returncode == 1
    assert "1 blocked." in blocked.stdout
    assert "These need you:" in text
    assert "stackd retry" in text
    assert "Watch test: last look finished" in text
    assert hanging.returncode == 2
    assert "It hangs" in hanging.stdout
    metrics = (service.place / "stackd.prom").read_text()
    assert "stackd_up 0.0" in metrics
    assert 'stackd_stack_moves_total{state="sealed"}' not in metrics
    assert told["process"] == service.process.pid
    assert {disk["use"] for disk in told["disks"]} == {"state", "output", "scratch"}
    assert status(service, "--check").returncode == 2


def test_a_command_that_hangs_keeps_neither_the_work_nor_the_stop_waiting(tmp_path: Path) -> None:
    service = RealService(tmp_path)
    program = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(f'{{os.getpid()}}\\n'); time.sleep(600)"
    more = f"\n[notify]\ncommand = {json.dumps([sys.executable, '-c', program])}\ntimeout_s = 600\n"
    text = service.config.read_text().replace("\n[intake]", '\n[watch.quality]\nreview = "hold"\nreject = "hold"\n[intake]')
    service.config.write_text(text.replace("\n[recipe", f"{more}[recipe"))
    service.start()
    service.output.rmdir()
    shoot(service.inbox)
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n"), what="the command")
    service.output.mkdir()
    wait_until(lambda: service.states() != ["blocked"], what="the work")
    code = service.stop()
    process = int((tmp_path / "pid").read_text())

    assert code == 0
    assert not Path(f"/proc/{process}").exists() or Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    assert os.path.lexists(service.journal)


def test_a_crash_right_after_the_command_tells_the_event_again_and_loses_none(tmp_path: Path) -> None:
    service = RealService(tmp_path)
    configure(service)
    deadly = "; os.path.exists(sys.argv[1] + '2') or (open(sys.argv[1] + '2', 'w').close(), os.kill(os.getppid(), 9))"
    service.config.write_text(service.config.read_text().replace(json.dumps(NOTE), json.dumps(NOTE + deadly)))
    heard = service.place / "heard"
    process = service.start()
    service.output.rmdir()
    shoot(service.inbox)
    killed = process.wait(timeout=60.0)
    before = heard.read_text().count("\n")

    service.start()
    wait_until(lambda: heard.read_text().count("\n") == 2, what="the second telling")
    service.stop()
    service.start()
    service.stop()

    assert killed == -signal.SIGKILL
    assert before == 1
    assert [line.split()[0] for line in heard.read_text().splitlines()] == ["blocked", "blocked"]
