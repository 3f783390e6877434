"""Run a recipe's command in a process that kills itself at one of its own writes.

    python -m tests.faults.killing MOMENT NAME COUNT RECIPE ARGUMENTS...

MOMENT is `half` (in the middle of writing the temporary file that is to become NAME), `before` it
is renamed to NAME, or `after`; COUNT says at which of these writes. NAME `lock` is the lock's own
file: `after` it is locked.
"""

import fcntl
import os
import runpy
import signal
import sys
from pathlib import Path


def main(moment, name, count, recipe, *arguments):
    left = int(count)

    def kill_if(found):
        nonlocal left
        left -= found
        if found and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    replace, fsync, flock = os.replace, os.fsync, fcntl.flock

    def replacing(source, target):
        here = Path(target).name == name
        kill_if(here and moment == "before")
        replace(source, target)
        kill_if(here and moment == "after")

    def syncing(file):
        path = os.readlink(f"/proc/self/fd/{file}")
        here = path.endswith(f"-{name}") and moment == "half"
        if here and left == 1:
            os.truncate(path, os.stat(path).st_size // 2)
        kill_if(here)
        fsync(file)

    def locking(file, operation):
        flock(file, operation)
        kill_if(name == "lock" and moment == "after")

    os.replace, os.fsync, fcntl.flock = replacing, syncing, locking
    sys.argv = [recipe, *arguments]
    runpy.run_module(f"recipes.{recipe}", run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
