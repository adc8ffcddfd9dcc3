"""The replicas of a round: started, told, heard, killed, started again."""

import json
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.board import Life
from tests.chaos.clock import real
from tests.chaos.company import put_in_place, write_config
from tests.chaos.fronts import Fronts, Stage
from tests.chaos.ledgers import Store
from tests.chaos.zygote import Child, Zygote

PEOPLE = 7  # the place from which commands are given
SETTLES = 0.03  # seconds, until what a dead replica had sent has arrived


@dataclass
class Heard:
    """What a replica said."""

    place: int
    order: str
    outcome: str
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """``outcome``: done, refused or unknown."""

    outcome: str
    said: str


@dataclass
class Cast:
    """``busy``: who was given an order and hasn't said that it is done."""

    zygote: Zygote
    stage: Stage
    store: Store
    fronts: dict[int, Fronts]
    folder: Path
    mode: str
    braked: bool = False  # by the config that is on disk
    children: dict[int, Child] = field(default_factory=dict)
    busy: set[int] = field(default_factory=set)
    lives: int = 0
    broken: list[str] = field(default_factory=list)  # what only a fault of the service's own explains

    def start(self, place: int) -> None:
        number = self.lives = self.lives + 1
        child = self.zygote.spawn(self._settings(place, number))
        self.children[place] = child
        self.busy.add(place)
        self.stage.town.board.lives[place] = Life(place, number, child.pid)

    def _settings(self, place: int, number: int, **more: Any) -> dict[str, Any]:
        config, env = self._configure(place)
        log = str(self.folder / f"{place}.log")
        return {"place": place, "name": f"{place}.{number}", "config": config, "env": env, "log": log, **more}

    def _configure(self, place: int) -> tuple[str, dict[str, str]]:
        urls, ledger = self.fronts[place].urls(), self.store.url(place)
        config, env = write_config(self.folder, f"at-{place}", self.mode, ledger, urls, self.braked)
        return config, {**env, **self.store.env(place)}

    def edit(self, braked: bool) -> None:
        """Every replica's config, as a deploy does it; each reads it before its next cycle."""
        self.braked = braked
        for place in self.children:
            self._configure(place)

    def break_config(self, place: int) -> None:
        put_in_place(self.folder / f"at-{place}.yaml", "rules: [{name: default, match: {}, stages: nonsense")

    def command(self, *words: str) -> Answer:
        """What a person does meanwhile; waits for its end."""
        number = self.lives = self.lives + 1
        child = self.zygote.spawn(self._settings(PEOPLE, number, command=[*words, ""]))
        self.stage.town.board.lives[PEOPLE] = Life(PEOPLE, number, child.pid)
        child.line.settimeout(20)
        said = b""
        with suppress(OSError):
            while data := child.line.recv(65536):
                said += data
        self.zygote.reap(child)
        told = json.loads(said or '{"outcome": "unknown"}')
        return Answer(told["outcome"], told.get("said", ""))

    def order(self, places: list[int], what: str) -> None:
        """Those who have nothing to do."""
        for place in places:
            if place in self.children and place not in self.busy and self.children[place].say(what):
                self.busy.add(place)

    def listen(self) -> list[Heard]:
        """What was said since, and who has died."""
        found = []
        for place, child in list(self.children.items()):
            said = child.heard()
            if said is None:
                self.bury(place)
                continue
            for message in said:
                self.busy.discard(place)
                heard = Heard(place, message["order"], message["outcome"], list(message.get("failures", ())))
                if heard.outcome == "broken":
                    self.broken += heard.failures
                if heard.outcome == "refused":
                    self.stage.town.board.lives[place].alive = False
                found.append(heard)
        return found

    def bury(self, place: int) -> None:
        child = self.children.pop(place)
        life = self.stage.town.board.lives[place]
        if life.alive:
            life.alive = False
            text = f"replica {place}.{life.number} ended by itself: see {self.folder}/{place}.log"
            self.broken.append(text)
        time.sleep(SETTLES)
        self.zygote.reap(child)
        self.busy.discard(place)

    def wait_for(self, place: int, seconds: float) -> Heard | None:
        """Until it says something, for so many service seconds."""
        until = time.monotonic() + real(seconds)
        while time.monotonic() < until and place in self.children:
            mine = next((heard for heard in self.listen() if heard.place == place), None)
            if mine:
                return mine
            time.sleep(0.005)
        return None

    def end(self) -> None:
        for place in list(self.children):
            self.stage.town.board.lives[place].alive = False
            self.children[place].signal(signal.SIGKILL)
            self.bury(place)
