"""Runs on a Dask cluster of two processes: one is killed in the middle, and nothing is lost or doubled."""

import os
import signal
import threading
import time

import distributed
import pytest

from stnlib.experiments import __main__ as command_line
from stnlib.experiments import files

OPTIONS = ["--model", "fcn_mixed", "--dataset", "uci", "--train-size", "64"]  # two runs


def finish(folder, epochs, address):
    words = ["article", *OPTIONS, "--epochs", str(epochs), "--out", str(folder), "--scheduler", address]
    command_line.main(words)


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_worker_is_killed_and_nothing_is_lost_or_doubled(tmp_path):
    epochs, marked, failed = 40, 1e6, []

    def measure_all(address):
        try:
            finish(tmp_path, epochs, address)
        except BaseException as error:
            failed.append(error)

    options = {"n_workers": 2, "threads_per_worker": 2, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        processes = client.run(os.getpid)
        work = threading.Thread(target=measure_all, args=[cluster.scheduler_address], daemon=True)
        work.start()
        deadline = time.monotonic() + 250
        while not (found := list(tmp_path.glob("checkpoints/*.npz"))):
            assert time.monotonic() < deadline and not failed
            time.sleep(0.02)
        name = found[0].stem
        (victim,) = [worker for worker, keys in client.processing().items() if name in map(str, keys)]
        os.kill(processes[victim], signal.SIGKILL)
        state, arrays = files.read_checkpoint(found[0])
        assert 0 < len(state["errors"]) < epochs
        files.write_checkpoint(found[0], state | {"seconds": marked}, arrays)  # so that going on can be seen
        work.join(300)
        assert not work.is_alive() and not failed
    records = files.read_results(tmp_path)
    assert sorted(record["distortion"] for record in records) == ["article", "article_clutter"]
    assert all(len(record["error_per_epoch"]) == epochs for record in records)
    assert [record["name"] for record in records if record["seconds"] > marked] == [name]
    assert list((tmp_path / "checkpoints").glob("*.npz")) == []


@pytest.mark.parametrize("stop", [ValueError, SystemExit])
def test_a_run_that_fails_does_not_stop_the_others(tmp_path, capsys, monkeypatch, stop):
    def measured(run, out):
        if run.distortion == "article":
            raise stop("no such thing")
        return {"error": {"distorted": 0.1}, "parameters": 1, "cpu_seconds": 1.0}

    monkeypatch.setattr(command_line, "measured", measured)
    cluster = distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None)
    with cluster, pytest.raises(SystemExit, match="1 of 2 runs failed"):
        finish(tmp_path, 2, cluster.scheduler_address)
    shown = capsys.readouterr()
    assert "no such thing" in shown.err and shown.out.count("error distorted 10.00%") == 1


def test_nobody_at_the_address(tmp_path):
    import dask

    impatient = dask.config.set({"distributed.comm.timeouts.connect": "1s"})
    with impatient, pytest.raises(SystemExit, match=r"no Dask scheduler at tcp://127\.0\.0\.1:9"):
        finish(tmp_path, 2, "tcp://127.0.0.1:9")
