"""Where the CPU of one boto3 call goes: `python -m bench.where` samples warm calls, by part of the SDK."""

import os
import signal
import time
from collections import Counter
from types import FrameType

from rich.box import SIMPLE
from rich.table import Table

from bench import table
from bench.fleet import Fleet
from bench.micro import WARM, Ask, bare_boto3, our_own
from bench.processes import Service, fake_aws

CALLS, EVERY = 6000, 0.001  # seconds of CPU; the kernel may round it up to a few times that
# Whose path holds one of these marks; code without any, such as the standard library's, is its caller's.
PARTS = {
    "HTTP, sockets": ("urllib3", "http/client", "httpsession", "socket.py", "/email/", "botocore/awsrequest"),
    "reading the answer": ("botocore/parsers", "/xml/", "dateutil", "botocore/response"),
    "the User-Agent header": ("botocore/useragent",),
    "signing": ("botocore/auth", "botocore/signers", "botocore/credentials"),
    "endpoints": ("botocore/endpoint", "botocore/regions"),
    "parameters": ("botocore/validate", "botocore/serialize"),
    "events, retries": ("botocore/hooks", "botocore/handlers", "botocore/retries", "botocore/retryhandler"),
    "the rest of the SDK": ("botocore",),
    "Keysteward": ("/app/",),
}
REST = "the loop around it"


def main() -> None:
    with fake_aws(Fleet(1, 1, int(time.time())), Service(latency=0)) as aws:
        os.environ.update(aws.environment())
        spent = {"boto3": sampled(bare_boto3()), "Keysteward": sampled(our_own())}
    found = Table("part", *spent, box=SIMPLE)
    for part in (*PARTS, REST):
        found.add_row(part, *(f"{counts[part] / counts.total():.0%}" for counts in spent.values()))
    table.console().print(found)


def sampled(ask: Ask) -> Counter[str]:
    """How often each part was met."""
    met: Counter[str] = Counter()
    ask(WARM)
    signal.signal(signal.SIGPROF, lambda _, frame: met.update([part_of(frame)]))
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
    ask(CALLS)
    signal.setitimer(signal.ITIMER_PROF, 0)
    return met


def part_of(frame: FrameType | None) -> str:
    while frame:
        path = frame.f_code.co_filename
        for part, marks in PARTS.items():
            if any(mark in path for mark in marks):
                return part
        frame = frame.f_back
    return REST


if __name__ == "__main__":
    main()
