"""Runs one command and says what the whole process cost: `python -S measured.py RESULT [--tree] COMMAND…`.

It stands alone and imports next to nothing: a child's peak memory counts from its parent's at the fork, so
the parent must be smaller than anything that is measured. With ``--tree`` the peak is that of all its
processes together, sampled, with shared pages shared out (PSS).
"""

import json
import os
import sys
import threading
import time

SAMPLE_SECONDS = 0.25


def main() -> int:
    result, *command = sys.argv[1:]
    tree = command[0] == "--tree"
    started = time.monotonic()
    child = os.posix_spawnp(command[tree], command[tree:], os.environ)
    peaks = [0]
    if tree:
        threading.Thread(target=sample, args=(child, peaks), daemon=True).start()
    _, status, usage = os.wait4(child, 0)
    found = {
        "wall": time.monotonic() - started,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_mb": max(peaks[0], usage.ru_maxrss) / 1024,
        "exit": os.waitstatus_to_exitcode(status),
    }
    with open(result, "w") as file:
        json.dump(found, file)
    return 0


def sample(root: int, peaks: list[int]) -> None:
    while True:
        peaks[0] = max(peaks[0], sum(map(memory, family(root))))
        time.sleep(SAMPLE_SECONDS)


def family(process: int) -> list[int]:
    """The process and all that it began."""
    found = [process]
    for parent in found:
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children") as file:
                    found += map(int, file.read().split())
        except OSError:  # it has just ended
            continue
    return found


def memory(process: int) -> int:
    """In KiB."""
    try:
        with open(f"/proc/{process}/smaps_rollup") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)
    except OSError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
