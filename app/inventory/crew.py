"""Many small jobs of one account at once, on threads that all accounts share."""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class Later(Exception):
    """A job's account has to wait: its thread goes to others, and the job is done again from its start.

    Not a `KeystewardError`: nothing that reads "could not be read" as *unknown* may catch it.
    """


class Lane(Protocol):
    """How fast one account may go."""

    def width(self, jobs: int) -> int:
        """How many of ``jobs`` may be under way at once: at least one."""

    def ready(self) -> bool:
        """Whether the next may start now."""

    def wait(self) -> None:
        """Returns when it may. Raises `Transient` when the service is stopping."""


class Crew:
    """At most ``workers`` threads for the jobs of all accounts: they come with work, and end ``idle`` seconds
    after the last.

    The account's own thread hands its jobs out one by one, as its lane allows, so that an account that has
    to wait keeps no thread from the others. Jobs must not call `each` themselves.
    """

    def __init__(self, workers: int, idle: float = 10.0) -> None:
        self._workers, self._idle = workers, idle
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = Lock()
        self._threads = self._wanted = 0

    def each(
        self, keys: Sequence[K], do: Callable[[K], R], lane: Lane
    ) -> tuple[dict[K, R], Exception | None]:
        """What ``do`` made of each key, in the order of ``keys``, and the first error.

        After an error nothing more is begun, and what is under way is awaited: the results are whatever
        was done until then, and no job runs on.
        """
        batch = _Batch(self, keys, do, lane)
        try:
            batch.work()
        finally:
            self._release(batch.hands)
        return {key: batch.results[key] for key in keys if key in batch.results}, batch.error

    def submit(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)

    def hire(self) -> None:
        """One more job of some batch may be under way from now on, until it is released."""
        with self._lock:
            self._wanted += 1
            if self._threads < min(self._wanted, self._workers):
                Thread(target=self._serve, name="crew", daemon=True).start()
                self._threads += 1

    def _release(self, hands: int) -> None:
        with self._lock:
            self._wanted -= hands

    def _serve(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._idle)
            except Empty:
                if self._leaves():
                    return
            else:
                job()

    def _leaves(self) -> bool:
        """Never while a batch counts on this thread, so no job is ever left lying."""
        with self._lock:
            if self._threads <= min(self._wanted, self._workers):
                return False
            self._threads -= 1
            return True


class _Batch(Generic[K, R]):
    """One call of `Crew.each`. Its thread hands out and counts; the crew's threads fill the results in."""

    def __init__(self, crew: Crew, keys: Sequence[K], do: Callable[[K], R], lane: Lane) -> None:
        self._crew, self._do, self._lane, self._size = crew, do, lane, len(keys)
        self._waiting = deque(keys)
        self._done: SimpleQueue[None] = SimpleQueue()
        self._under_way = self.hands = 0
        self.results: dict[K, R] = {}
        self.error: Exception | None = None

    def work(self) -> None:
        while self._under_way or (self._waiting and not self.error):
            self._begin_what_may()
            if self._under_way:
                self._done.get()
                self._under_way -= 1

    def _begin_what_may(self) -> None:
        while self._waiting and not self.error:
            width = min(self._lane.width(self._size), self._size)
            if self._under_way >= width:
                return
            try:
                self._lane.wait()
            except Exception as error:
                self.error = error
                return
            self._begin(self._waiting.popleft(), alone=width == 1)

    def _begin(self, key: K, alone: bool) -> None:
        """One at a time needs no other thread."""
        if alone:
            self._run(key)
            return
        self._under_way += 1
        if self._under_way > self.hands:
            self.hands += 1
            self._crew.hire()
        self._crew.submit(lambda: self._run_and_tell(key))

    def _run_and_tell(self, key: K) -> None:
        try:
            if self._lane.ready():
                self._run(key)
            else:  # throttled while the job lay in the queue
                self._waiting.append(key)
        finally:
            self._done.put(None)

    def _run(self, key: K) -> None:
        if self.error:
            return
        try:
            self.results[key] = self._do(key)
        except Later:
            self._waiting.append(key)
        except Exception as error:
            self.error = self.error or error
