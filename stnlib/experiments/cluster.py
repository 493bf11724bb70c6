"""Runs on a Dask cluster: one at a time on each worker, on another worker when one dies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from stnlib.experiments.runs import Run

ONE_AT_A_TIME = threading.Lock()  # seeds and devices belong to the process
RETRIES = 3


def results(
    address: str, measured: Callable[[Run, Path], dict | None], todo: list[Run], out: Path
) -> Iterator[tuple[Run, dict | BaseException | None]]:
    """Measure the runs on the workers of the scheduler at `address`; yields each with what came of it, as they end.

    :Convention: `out` must be a folder that all workers see under the same path. It holds results and checkpoints, so
        another worker can resume a run from its last epoch when its worker dies. `measured(run, out)` does one run.
    :Errors: SystemExit with one line if Dask is not installed or the scheduler doesn't answer.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise SystemExit("--scheduler needs Dask, which the extra 'distributed' brings") from None
    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise SystemExit(f"--scheduler: no Dask scheduler at {address}: {error}") from None
    with client:
        waiting = {
            client.submit(one, measured, run, out.resolve(), key=run.name, pure=False, retries=RETRIES): run
            for run in todo
        }
        for future in as_completed(waiting):
            yield waiting[future], future.result() if future.status == "finished" else future.exception()


def one(measured: Callable[[Run, Path], dict | None], run: Run, out: Path) -> dict | None:
    """Do one run in a worker, after those that it has begun; what would end a program is an error of this run only."""
    with ONE_AT_A_TIME:
        try:
            return measured(run, out)
        except SystemExit as error:
            raise RuntimeError(str(error)) from error
