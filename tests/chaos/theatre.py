"""What all rounds of one worker share: the time machine, the zygote, the ports, the ledgers' server."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.chaos import company
from tests.chaos.board import Board
from tests.chaos.cast import PEOPLE
from tests.chaos.clock import PLACES, TimeMachine
from tests.chaos.fronts import Fronts, Town
from tests.chaos.ledgers import Store, open_store
from tests.chaos.replica import Body
from tests.chaos.witness import Witness
from tests.chaos.zygote import Zygote


@dataclass
class Theatre:
    """One round at a time is played in it."""

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


@contextmanager
def open_theatre(ledger: str, replicas: int) -> Iterator[Theatre | None]:
    """None: this ledger isn't installed. To be opened before the process has any other thread."""
    machine = TimeMachine()
    body = Body(machine)
    zygote = Zygote(body.warm, body)
    try:
        theatre = Theatre(machine, zygote, replicas)
        with open_store(ledger, theatre, PLACES) as store:
            if store is None:
                yield None
                return
            theatre.store = store
            theatre.open_fronts()
            yield theatre
    finally:
        zygote.close()
