"""What all benchmarks share: where and on what they ran, and files that are whole."""

import datetime
import json
import os
import pathlib
import platform

MODES = ("forward", "theta", "both")
RESULTS = pathlib.Path(__file__).parents[1] / "results"


def report(name, unit, versions, results, **more):
    """A benchmark's figures with their date, machine and versions; no host, no path."""
    return {
        "benchmark": name,
        "date": datetime.date.today().isoformat(),
        "machine": {"architecture": platform.machine(), "processors": os.cpu_count(), "system": platform.system()},
        "unit": unit,
        **more,
        "versions": {"python": platform.python_version(), **versions},
        "results": results,
    }


def write(path, content):
    """Write JSON so that a reader finds the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    part.replace(path)
