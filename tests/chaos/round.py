"""One round: days pass, things go wrong, and when all is quiet again the company comes to its end."""

import random
import resource
import time
from datetime import timedelta
from pathlib import Path

from tests.chaos import company
from tests.chaos.cast import Cast
from tests.chaos.clock import START, TERM, real
from tests.chaos.ends import leaks, tickets, unfinished
from tests.chaos.fronts import short_reports
from tests.chaos.record import Command, Outage, Record, Span
from tests.chaos.schedule import Event, Schedule
from tests.chaos.theatre import Theatre

DAY = timedelta(days=1)
HOP_ENDS = 4 * TERM  # service seconds, if no cycle was made until then
AGAIN = 20.0  # service seconds: whoever has nothing to do is told once more
LANDS = 2 * TERM  # service seconds, in which what is on its way arrives
QUIET_HOPS = 60
SMALL_FILE = 4096
INSIST = 5  # times: a command that a fault befell is given again
MADE = ("success", "partial")


class Round:
    """Plays a schedule in a theatre."""

    def __init__(self, theatre: Theatre, schedule: Schedule, folder: Path) -> None:
        self.theatre, self.schedule, self.folder = theatre, schedule, folder
        self.dice = random.Random(schedule.seed)
        self.record = Record(schedule)

    def play(self) -> Record:
        started, theatre = time.monotonic(), self.theatre
        theatre.open_town()
        theatre.store.open(self.folder)
        self.town, self.machine = theatre.town, theatre.machine
        self.town.board.on_event = self._meanwhile
        self.cast = Cast(
            theatre.zygote, theatre, theatre.store, theatre.fronts, self.folder, self.schedule.mode
        )
        try:
            self._days()
            self._quiet()
        finally:
            self.cast.end()
            self._take_down()
            theatre.store.close()
            theatre.close_town()
        self.record.seconds = time.monotonic() - started
        return self.record

    def _take_down(self) -> None:
        """What there is to judge."""
        record, board = self.record, self.town.board
        record.seen, record.harms = list(self.town.witness.seen), list(board.harms)
        record.injected, record.broken = board.injected, [*record.broken, *self.cast.broken]
        record.leases, record.ended = self.theatre.store.leases(), self.machine.now()
        record.tickets = tickets(self.town)
        record.leaks = leaks(self.town, self.folder)
        record.missing = unfinished(self.town, self.schedule.mode, set(record.exempted))

    # --- the days on which things go wrong ---

    def _days(self) -> None:
        for number, day in enumerate(self.schedule.hops):
            self._go_to(day)
            self._everybody_lives()
            events = self.schedule.of(number)
            self.town.board.arm([event for event in events if event.channel])
            lifts = [self._begin(event) for event in events if not event.channel]
            self._hop()
            if self.dice.random() < 0.3:
                self._retries()
            for event in lifts:
                self._lift(event)

    def _go_to(self, day: float) -> None:
        self._let_land()
        self.record.days.append(START + day * DAY)
        self.machine.go_to(START + day * DAY)
        for name, rotates in company.ROTATES_ON.items():
            if day >= rotates and company.key_of(self.town.aws, name):
                company.rotate(self.town.aws, name, self.machine.now().replace(microsecond=0))
                self.record.rotated[name] = time.time()

    def _let_land(self) -> None:
        """No request is on its way for half an hour, let alone for days."""
        until = time.monotonic() + real(LANDS)
        while self.town.board.in_the_air and time.monotonic() < until:
            time.sleep(0.002)

    def _everybody_lives(self) -> None:
        self.cast.listen()
        for place in range(self.schedule.replicas):
            if place not in self.cast.children:
                self.cast.start(place)

    def _hop(self) -> bool:
        """Until a cycle has been made, by whomever."""
        until, told = time.monotonic() + real(HOP_ENDS), 0.0
        while time.monotonic() < until:
            if time.monotonic() >= told:
                told = time.monotonic() + real(AGAIN)
                places = list(range(self.schedule.replicas))
                self.dice.shuffle(places)
                self.cast.order(places, "cycle")
            if self._was_made():
                return True
            if not self.cast.children:
                self._everybody_lives()
            time.sleep(0.005)
        return False

    def _was_made(self) -> bool:
        made = False
        for heard in self.cast.listen():
            if heard.order in ("cycle", "watch") and heard.outcome in MADE:
                made = True
                self.record.runs[heard.order] += 1
                if self.record.outages and not self.record.outages[-1].until:
                    self.record.outages[-1].partial &= heard.outcome == "partial"
        return made

    def _retries(self) -> None:
        """Some time later on the same day."""
        self._let_land()
        self.machine.go_to(self.machine.now() + timedelta(minutes=self.dice.choice((2, 30, 90))))
        place = self.dice.randrange(self.schedule.replicas)
        self.cast.order([place], "retry")
        self.cast.wait_for(place, AGAIN)

    # --- what happens at the start of a day, and for its length ---

    def _begin(self, event: Event) -> Event:
        board = self.town.board
        board.note(event, event.place)
        if event.what == "kill":
            board.kill(event.place)
        elif event.what == "stop":
            board.stop(event.place, event.seconds)
        elif event.what == "clock":
            self.machine.put_wrong(event.place, timedelta(days=int(event.detail)))
            self.record.wrong_clocks.append(Span(event.place, time.time()))
        elif event.what == "outage":
            self._go_dark(event.detail)
        elif event.what == "disk":
            self._limit(event.place, full=True)
        elif event.what == "brake":
            self.cast.edit(braked=True)
        elif event.what == "broken config":
            self.cast.break_config(event.place)
        else:
            self._meanwhile(event, event.place)
        return event

    def _lift(self, event: Event) -> None:
        if event.what == "clock":
            self.machine.put_wrong(event.place, timedelta(0))
            for span in self.record.wrong_clocks:
                span.until = span.until or (time.time() if span.place == event.place else 0.0)
        elif event.what == "outage" and self.town.outage:
            self.town.outage = ""
            short_reports(self.town, "")
            self.record.outages[-1].until = time.time()
        elif event.what == "disk":
            self._limit(event.place, full=False)
            self.town.board.harm("ledger", event.place)
        elif event.what == "brake":
            self._let_through()
        elif event.what == "broken config":
            self.cast.edit(self.cast.braked)
        elif event.what == "pause":
            self._command("resume")

    def _let_through(self) -> None:
        """What the brake has held is approved, done on the same day, and the config taken back."""
        self._command("approve")
        self._hop()
        self.cast.edit(braked=False)

    def _meanwhile(self, event: Event, place: int) -> None:
        """What isn't about the request itself."""
        if event.what == "restart":
            self.town.board.harm("ledger", -1)
            self.theatre.store.restart()
        elif event.what == "exempt":
            self._exempt(event.detail)
        elif event.what in ("pause", "snooze", "restore"):
            self._command(event.what, company.PEOPLE[event.detail].key if event.detail else "")

    def _command(self, verb: str, key: str = "") -> bool:
        since, at = time.time(), self.machine.now()
        answer = self.cast.command(verb, key)
        name = company.BY_KEY[key].name if key else ""
        self.record.commands.append(Command(since, time.time(), at, verb, name, answer.outcome, answer.said))
        return answer.outcome == "done"

    def _exempt(self, name: str) -> None:
        aws, person = self.town.aws, company.PEOPLE[name]
        with aws.lock:
            aws.accounts[person.account].user(name).tags["sealed"] = "yes"
        self.record.exempted.setdefault(name, time.time())

    def _go_dark(self, kind: str) -> None:
        if self.town.outage:
            return  # one at a time
        alone = not self.cast.busy
        self.town.outage = kind
        short_reports(self.town, kind)
        before = self.record.days[-2] if len(self.record.days) > 1 else None
        self.record.outages.append(Outage(kind, time.time(), alone, before))

    def _limit(self, place: int, full: bool) -> None:
        """No file may grow: what a full disk is to SQLite."""
        child = self.cast.children.get(place)
        if child:
            most = resource.RLIM_INFINITY
            resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (SMALL_FILE if full else most, most))

    # --- and then nothing goes wrong any more ---

    def _quiet(self) -> None:
        """Until the company has come to its end, a day or two at a time."""
        board, day = self.town.board, self.schedule.hops[-1]
        board.arm([])
        board.go_on()
        self.town.expired = 0
        for _ in range(INSIST):
            if self._command("resume"):
                break
        for _ in range(QUIET_HOPS):
            day += self.dice.choice((1.1, 1.1, 2.2))
            self._go_to(day)
            self._everybody_lives()
            self._hop()
            if not unfinished(self.town, self.schedule.mode, set(self.record.exempted)):
                return
