"""One round: days pass, things go wrong, and when all is quiet again the company comes to its end."""

import random
import resource
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from tests.chaos import company
from tests.chaos.board import Board
from tests.chaos.cast import PEOPLE, Cast
from tests.chaos.clock import START, TimeMachine, real
from tests.chaos.ends import unfinished
from tests.chaos.fronts import Fronts, Town, short_reports
from tests.chaos.ledgers import Store, Taken
from tests.chaos.schedule import TERM, Event, Schedule
from tests.chaos.witness import Witness
from tests.chaos.zygote import Zygote

DAY = timedelta(days=1)
HOP_ENDS = 4 * TERM  # service seconds, if no cycle was made until then
AGAIN = 20.0  # service seconds: whoever has nothing to do is told once more
QUIET_HOPS = 60
SMALL_FILE = 4096


@dataclass
class Outage:
    """An account that nobody could read whole, by this machine's time. ``alone``: no earlier run was under way."""

    kind: str
    since: float
    alone: bool
    until: float = 0.0
    partial: bool = True  # every finished run said so


@dataclass
class Done:
    """What there is to judge of a round."""

    schedule: Schedule
    town: Town
    leases: list[Taken] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    commands: list[tuple[float, float, str, str, str]] = field(
        default_factory=list
    )  # from, to, verb, whom, said
    exempted: dict[str, float] = field(default_factory=dict)  # name -> since when, by this machine's time
    broken: list[str] = field(default_factory=list)
    quiet_since: float = 0.0
    ended: datetime = START
    converged: bool = False
    seconds: float = 0.0
    takeovers: Counter[str] = field(default_factory=Counter)


@dataclass
class Theatre:
    """What all rounds of a worker share."""

    machine: TimeMachine
    zygote: Zygote
    replicas: int
    town: Town = field(init=False)
    store: Store = field(init=False)
    fronts: dict[int, Fronts] = field(default_factory=dict)

    def open_fronts(self) -> None:
        self.fronts = {place: Fronts.of(self, place) for place in (*range(self.replicas), PEOPLE)}

    def open_town(self) -> None:
        self.machine.reset()
        aws, slack, jira = company.open_fakes(self.machine)
        self.town = Town(aws, slack, jira, Witness(self.machine), Board(), dark=company.DARK)

    def close_town(self) -> None:
        for fake in (self.town.aws, self.town.slack, self.town.jira):
            fake._server.server_close()


class Round:
    """Plays a schedule in a theatre."""

    def __init__(self, theatre: Theatre, schedule: Schedule, folder: Path) -> None:
        self.theatre, self.schedule, self.folder = theatre, schedule, folder
        self.dice = random.Random(schedule.seed)

    def play(self) -> Done:
        started = time.monotonic()
        theatre = self.theatre
        theatre.open_town()
        theatre.store.open(self.folder)
        self.town, self.machine = theatre.town, theatre.machine
        self.town.board.on_event = self._meanwhile
        self.cast = Cast(
            theatre.zygote, theatre, theatre.store, theatre.fronts, self.folder, self.schedule.mode
        )
        self.done = Done(self.schedule, self.town)
        try:
            self._days()
            self._quiet()
            self.done.leases = theatre.store.leases()
        finally:
            self.cast.end()
            theatre.store.close()
            theatre.close_town()
        self.done.broken, self.done.ended = self.cast.broken, self.machine.now()
        self.done.seconds = time.monotonic() - started
        return self.done

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
        self.machine.go_to(START + day * DAY)
        for name, rotates in company.ROTATES_ON.items():
            if day >= rotates and company.key_of(self.town.aws, name):
                company.rotate(self.town.aws, name, self.machine.now().replace(microsecond=0))

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
            if heard.order in ("cycle", "watch") and heard.outcome in ("success", "partial"):
                made = True
                self.done.takeovers[heard.order] += 1
                if self.done.outages and not self.done.outages[-1].until:
                    self.done.outages[-1].partial &= heard.outcome == "partial"
        return made

    def _retries(self) -> None:
        """Some time later on the same day."""
        self.machine.go_to(self.machine.now() + timedelta(minutes=self.dice.choice((2, 30, 90))))
        place = self.dice.randrange(self.schedule.replicas)
        self.cast.order([place], "retry")
        self.cast.wait_for(place, AGAIN)

    # --- what happens at the start of a day, and for its length ---

    def _begin(self, event: Event) -> Event:
        self.town.board.note(event)
        if event.what == "kill":
            self.town.board.kill(event.place)
        elif event.what == "stop":
            self.town.board.stop(event.place, event.seconds)
        elif event.what == "clock":
            self.machine.put_wrong(event.place, timedelta(days=int(event.detail)))
        elif event.what == "outage":
            self._go_dark(event.detail)
        elif event.what == "disk":
            self._limit(event.place, full=True)
        else:
            self._meanwhile(event, event.place)
        return event

    def _lift(self, event: Event) -> None:
        if event.what == "clock":
            self.machine.put_wrong(event.place, timedelta(0))
        elif event.what == "outage":
            self.town.outage = ""
            short_reports(self.town, "")
            self.done.outages[-1].until = time.time()
        elif event.what == "disk":
            self._limit(event.place, full=False)
        elif event.what == "pause":
            self._command("resume", "")

    def _meanwhile(self, event: Event, place: int) -> None:
        """What isn't about the request itself."""
        if event.what == "restart":
            self.theatre.store.restart()
        elif event.what == "exempt":
            self._exempt(event.detail)
        elif event.what in ("pause", "snooze", "restore"):
            self._command(event.what, company.PEOPLE[event.detail].key if event.detail else "")

    def _command(self, verb: str, key: str) -> None:
        since = time.time()
        said = self.cast.command(verb, key)["said"]
        self.done.commands.append((since, time.time(), verb, key, said))

    def _exempt(self, name: str) -> None:
        aws, person = self.town.aws, company.PEOPLE[name]
        with aws.lock:
            aws.accounts[person.account].user(name).tags["sealed"] = "yes"
        self.done.exempted.setdefault(name, time.time())

    def _go_dark(self, kind: str) -> None:
        alone = not self.cast.busy
        self.town.outage = kind
        short_reports(self.town, kind)
        self.done.outages.append(Outage(kind, time.time(), alone))

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
        self._command("resume", "")
        self.done.quiet_since = time.time()
        for _ in range(QUIET_HOPS):
            day += self.dice.choice((1.1, 1.1, 2.2))
            self._go_to(day)
            self._everybody_lives()
            self._hop()
            if not unfinished(self.town, self.schedule.mode, set(self.done.exempted)):
                self.done.converged = True
                return
