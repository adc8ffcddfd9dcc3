"""The scheduler around `run_once`: one cycle at a time, a missed one made up, stopped within seconds."""

import gc
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from app.errors import KeystewardError
from app.ledger.interface import LedgerView
from app.model import RunRecord
from app.service.album import keep, shown
from app.service.archive import uncopied
from app.service.parts import Parts
from app.service.picture import picture, with_deliveries
from app.service.pulse import ProgressLog
from app.service.retry import retry_failed
from app.service.run_once import run_once
from app.service.snapshot import Health, SnapshotHolder
from app.service.trail import READ_EVERY, read_trail
from app.telemetry import Counters, log_fields

log = logging.getLogger(__name__)

HEARTBEAT = timedelta(seconds=10)
RETRY_EVERY = timedelta(minutes=1)
WATCH_EVERY = timedelta(seconds=1)  # who holds the lease: a dead one is followed within its term
LOOK_EVERY = timedelta(seconds=5)  # at a sweep, for the log


@dataclass(frozen=True)
class Schedule:
    """`every` with `jitter`, or a five-field `cron` in `timezone`."""

    every: timedelta
    jitter: timedelta
    cron: str | None = None
    timezone: str = "UTC"

    def trigger(self) -> BaseTrigger:
        if self.cron:
            return CronTrigger.from_crontab(self.cron, timezone=ZoneInfo(self.timezone))
        jitter = int(self.jitter.total_seconds()) or None
        return IntervalTrigger(seconds=self.every.total_seconds(), jitter=jitter, timezone=UTC)

    def first(self, view: LedgerView, now: datetime) -> datetime | None:
        """When the first cycle runs: at once when one was missed, else when it is due (None: by cron).

        A last run in the future was one under a wrong clock: waiting for it could take years.
        """
        made = _made(view)
        last = made.at if made and made.at <= now else None
        if self.cron:
            missed = last is None or self._next_after(last) <= now
            return now if missed else None
        return now if last is None or last + self.every <= now else last + self.every

    def due_after(self, last: datetime, now: datetime) -> datetime:
        """When the cycle after the one of ``last`` is due."""
        if last > now:  # under a wrong clock
            return now
        return self._next_after(last) if self.cron else last + self.every

    def _next_after(self, instant: datetime) -> datetime:
        following: datetime | None = self.trigger().get_next_fire_time(instant, instant)
        return following or instant


def _made(view: LedgerView) -> RunRecord | None:
    """The last run. One that could not start (a replica without credentials) is still to be made."""
    last = view.last_run
    return None if last is None or last.outcome == "failed" else last


@dataclass(frozen=True, slots=True)
class Setup:
    """What a config makes of the daemon. ``enter`` does whatever else comes into force with it."""

    parts: Parts
    schedule: Schedule
    enter: Callable[[], None] = lambda: None


@dataclass
class Daemon:
    """Runs cycles until it is stopped. ``newest``: the setup that is to be in force; None: the first one."""

    parts: Parts
    schedule: Schedule
    holder: SnapshotHolder
    health: Health
    counters: Counters
    running: threading.Lock = field(default_factory=threading.Lock)
    standby: bool = False  # another replica made the last cycle, or is at it
    last_own: datetime | None = None  # the instant of the last run that this replica made
    newest: Callable[[], Setup | None] = lambda: None
    _setup: Setup | None = None  # the one in force, after the first
    _unwatched: str = ""  # why the lease can't be watched

    def start(self) -> None:
        """Starts the scheduler in threads of its own. Until the first run, the last picture is shown."""
        self._show_last()
        self._scheduler = BackgroundScheduler(timezone=UTC)
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        first = self.schedule.first(self.parts.ledger.frame(), self.parts.clock.now())
        more = {"next_run_time": first} if first else {}
        self._scheduler.add_job(self.on_schedule, self.schedule.trigger(), id="cycle", **defaults, **more)
        watch = IntervalTrigger(seconds=WATCH_EVERY.total_seconds(), timezone=UTC)
        self._scheduler.add_job(self.watch, watch, id="watch", **defaults)
        retry = IntervalTrigger(seconds=RETRY_EVERY.total_seconds(), timezone=UTC)
        self._scheduler.add_job(self.retry, retry, id="retry", **defaults)
        beat = IntervalTrigger(seconds=HEARTBEAT.total_seconds(), timezone=UTC)
        self._scheduler.add_job(self.health.beat, beat, id="beat", **defaults)
        daily = IntervalTrigger(seconds=READ_EVERY.total_seconds(), timezone=UTC)
        self._scheduler.add_job(self.read_trail, daily, id="trail", **defaults)
        self._scheduler.add_job(self.read_trail, id="first trail")
        look = IntervalTrigger(seconds=LOOK_EVERY.total_seconds(), timezone=UTC)
        tick = ProgressLog(lambda: self.holder.get().sweep).tick
        self._scheduler.add_job(tick, look, id="progress", **defaults)
        self._scheduler.start()
        self._note_next()

    def stop(self, wait: timedelta) -> bool:
        """Ends all waiting, lets the delivery in hand finish; whether it did within ``wait``."""
        self.parts.stop.set()
        self._scheduler.shutdown(wait=False)
        return self.running.acquire(timeout=wait.total_seconds())

    def on_schedule(self) -> None:
        """A cycle, unless another replica has made it. While that one is at it, it may still fail."""
        due = self._due_after_another()
        if due is None:
            self.cycle()
            due = self.parts.clock.now() + RETRY_EVERY if self.standby else None
        if due:
            self._come_back(due)

    def _come_back(self, at: datetime) -> None:
        """Has the next cycle run then."""
        if not self.parts.stop.is_set():
            self._scheduler.modify_job("cycle", next_run_time=at)
            self._note_next()

    def watch(self) -> None:
        """Goes on with what a replica was doing that died, was stopped, or is cut off from the ledger."""
        if self.running.locked():
            return
        try:
            orphaned, fault = self.parts.ledger.orphaned(), ""
        except KeystewardError as error:
            orphaned, fault = False, str(error)
        self._note_watch(fault)
        if orphaned:
            log.warning("the replica that was acting has fallen silent: taking over")
            self.cycle()

    def _note_watch(self, fault: str) -> None:
        """Only what is new: it watches every second."""
        if fault and fault != self._unwatched:
            log.warning("the lease can't be watched", **log_fields(reason=fault))
        elif self._unwatched and not fault:
            log.info("the lease can be watched again")
        self._unwatched = fault

    def cycle(self) -> None:
        """One run; whatever happens inside, the next one comes."""
        with self.running:
            try:
                self._renew(begins=True)
                self._run()
            except KeystewardError as error:
                log.error("run failed", **log_fields(reason=str(error)))
                self._note_failure()
                self._come_back(self.parts.clock.now() + RETRY_EVERY)  # nobody else makes it up
            except Exception:
                log.exception("run failed")
                self._note_failure()
            finally:
                self.parts.progress.finish()  # a run that broke off leaves no scan that seems to go on
                gc.collect()  # left to itself it comes late (`app/cli/main.py`)
        self._note_next()

    def renew(self) -> None:
        """Brings `newest` into force. A cycle under way keeps its own, and the next one begins with this."""
        if self._is_news(self.newest()) and self.running.acquire(blocking=False):
            try:
                self._renew(begins=False)
            finally:
                self.running.release()
            self._note_next()

    def _is_news(self, setup: Setup | None) -> bool:
        return setup is not None and setup is not self._setup and not self.parts.stop.is_set()

    def _renew(self, begins: bool) -> None:
        """``begins``: a cycle does, so that none is due."""
        setup = self.newest()
        if setup is None or not self._is_news(setup):
            return
        if setup.schedule != self.schedule:
            now = self.parts.clock.now()
            due = None if begins else setup.schedule.first(self.parts.ledger.frame(), now)
            job = self._scheduler.reschedule_job("cycle", trigger=setup.schedule.trigger())
            if due:
                job.modify(next_run_time=due)
        self._setup, self.parts, self.schedule = setup, setup.parts, setup.schedule
        setup.enter()
        log.info("the reloaded config is in force", **log_fields(mode=setup.parts.policy.mode.value))

    def _run(self) -> None:
        report = run_once(replace(self.parts, outdated=self._is_outdated))
        self._stand_by(report.outcome == "standby")
        if report.scan_seconds is not None:
            self.counters.observe_scan(report.scan_seconds)
        self.holder.update(lambda last: picture(self.parts, report, last))
        if self.standby:
            self._show_last()
        else:
            self.last_own = report.at
            self.parts.ledger.keep_picture(keep(self.holder.get()))

    def _is_outdated(self) -> bool:
        """Whether another policy than that of the cycle under way has been read."""
        newest = self.newest()
        return newest is not None and newest.parts.config_hash != self.parts.config_hash

    def _due_after_another(self) -> datetime | None:
        """When a cycle is due, if another replica's run was the last one and is recent enough; else None."""
        try:
            view = self.parts.ledger.frame()
        except KeystewardError:
            return None  # the cycle says what is wrong
        made = _made(view)
        if made is None or made.at == self.last_own:
            return None
        now = self.parts.clock.now()
        due = self.schedule.due_after(made.at, now)
        if due <= now:
            return None
        self._stand_by(True)
        self._show_last()
        return due

    def _stand_by(self, standby: bool) -> None:
        """A log of hours in which nothing is done says why."""
        if standby != self.standby:
            log.info("another replica acts: this one stands by" if standby else "this replica acts now")
        self.standby = standby

    def _show_last(self) -> None:
        """What another replica's run saw, or this one's before it was restarted."""
        try:
            view, body = self.parts.ledger.frame(), self.parts.ledger.picture()
            waiting = uncopied(self.parts)
            self.holder.update(
                lambda last: replace(with_deliveries(self.parts, shown(body, view, last)), uncopied=waiting)
            )
        except KeystewardError as error:
            log.warning("the last picture can't be read", **log_fields(reason=str(error)))

    def _note_failure(self) -> None:
        """A run that broke shows at once, in `last_run_timestamp_seconds{outcome="failed"}`."""
        now = self.parts.clock.now()
        self.holder.update(lambda last: replace(last, last_runs={**last.last_runs, "failed": now}))

    def retry(self) -> None:
        """Failed notices between two runs; a run under way does that itself."""
        if not self.running.acquire(blocking=False):
            return
        try:
            retry_failed(self.parts)
            pause = self.parts.ledger.paused()
            self.holder.update(lambda last: replace(with_deliveries(self.parts, last), paused=pause))
        except KeystewardError as error:
            log.warning("retry failed", **log_fields(reason=str(error)))
        finally:
            self.running.release()

    def read_trail(self) -> None:
        """In a thread of its own: a long trail takes its time, and nobody waits for it."""
        try:
            trail = read_trail(self.parts)
            self.holder.update(lambda last: replace(last, trail=trail))
        except KeystewardError as error:
            log.warning("the audit trail can't be read", **log_fields(reason=str(error)))

    def _note_next(self) -> None:
        job = self._scheduler.get_job("cycle") if not self.parts.stop.is_set() else None
        upcoming = job.next_run_time if job else None
        self.holder.update(lambda last: replace(last, next_run_at=upcoming))
