"""A command and all that it starts, until the last of it has ended: exact seconds and memory, as JSON in a file.

``python alone.py RESULT COMMAND ...`` ends with the command's exit status. On Linux it becomes the parent of whatever
the command leaves behind, so that no process's time is missed.
"""

import ctypes
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def main(result: str, *command: str) -> int:
    """Run it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    started = time.monotonic()
    process = subprocess.Popen(command)
    cpu_s, wall_s, largest, status = 0.0, 0.0, 0, 0
    with suppress(ChildProcessError):  # when none is left
        while True:
            pid, code, used = os.wait4(-1, 0)
            cpu_s += used.ru_utime + used.ru_stime
            largest = max(largest, used.ru_maxrss)
            if pid == process.pid:
                wall_s, status = time.monotonic() - started, os.waitstatus_to_exitcode(code)
    process.returncode = status
    largest_mib = largest / (1 << 10 if sys.platform == "linux" else 1 << 20)  # macOS counts in bytes
    figures = {"wall_s": wall_s, "cpu_s": cpu_s, "largest_mib": largest_mib}
    Path(result).write_text(json.dumps(figures), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
