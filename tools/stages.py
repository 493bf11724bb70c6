"""Run make targets one after the other, and say at the end how long each took.

usage: python tools/stages.py TARGET ...

Stops at the first that fails. Started by itself, through make, it adds its lines to the outer table.
Needs no package, for it runs before anything is installed.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time

LOG = "STAGES_LOG"


class Stages:
    """Measured pieces of work, in their order."""

    def __init__(self, level=0):
        """Start with nothing done."""
        self.level = level
        self.done = []

    @contextlib.contextmanager
    def stage(self, name):
        """Measure what happens inside; a failure is measured too."""
        started, place = time.time(), len(self.done)
        try:
            yield
        finally:
            self.done.insert(place, (self.level, name, time.time() - started))

    def table(self):
        """One line a stage; what happened within another is indented.

        >>> stages = Stages()
        >>> stages.done = [(0, "test", 101.2), (1, "lint", 3.4)]
        >>> print(stages.table())
          1 min 41 s  test
          0 min  3 s    lint
        """
        lines = []
        for level, name, seconds in self.done:
            minutes, rest = divmod(round(seconds), 60)
            lines.append(f"{minutes:3d} min {rest:2d} s  {'  ' * level}{name}")
        return "\n".join(lines)


def run(targets, log):
    """Make some targets; the exit status of the last one made, and the stages."""
    level = int(os.environ.get(LOG, ":-1").rpartition(":")[2]) + 1
    stages, status = Stages(level), 0
    for target in targets:
        with stages.stage(target):
            made = [os.environ.get("MAKE", "make"), "--no-print-directory", target]
            status = subprocess.call(made, env=dict(os.environ, **{LOG: f"{log}:{level}"}))
        with open(log, "r+") as file:  # what was made within it wrote its lines there
            inner = [line.rstrip("\n").split("\t") for line in file]
            file.truncate(0)
        stages.done += [(int(depth), name, float(seconds)) for depth, name, seconds in inner]
        if status:
            break
    return status, stages


def main():
    """Run the targets named; print the table, or hand it to the outer one."""
    outer = os.environ.get(LOG, "").rpartition(":")[0]
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "stages")
        open(log, "w").close()
        status, stages = run(sys.argv[1:], log)
    if outer:
        with open(outer, "a") as file:
            file.writelines(f"{level}\t{name}\t{seconds}\n" for level, name, seconds in stages.done)
    else:
        print("\n" + stages.table())
    sys.exit(status)


if __name__ == "__main__":
    main()
