"""Who listens for presses while the daemon runs, whatever becomes of its config."""

import threading
from collections.abc import Mapping

from app.sinks.interface import Sink
from app.sinks.presses import Answer, Handler, Listener, Listening, Press


class Ears:
    """One for each sink that people can answer. A sink that stays keeps its ear, and obeys the new config."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, tuple[Sink, Listening]] = {}
        self._closed = False

    def attend(self, sinks: Mapping[str, Sink], answers: Handler) -> None:
        """From now on to these. New ears are opened before old ones are closed: no press is missed."""
        with self._lock:
            self._answers = answers
            if self._closed:
                return
            kept = {name: ear for name, ear in self._open.items() if sinks.get(name) is ear[0]}
            gone = [ear for name, (_, ear) in self._open.items() if name not in kept]
            self._open = kept | self._heard({name: s for name, s in sinks.items() if name not in kept})
        for ear in gone:
            ear.close()

    def _heard(self, sinks: Mapping[str, Sink]) -> dict[str, tuple[Sink, Listening]]:
        found = {name: (s, s.listen(self._hear)) for name, s in sinks.items() if isinstance(s, Listener)}
        return {name: (sink, ear) for name, (sink, ear) in found.items() if ear}

    def _hear(self, press: Press) -> Answer:
        return self._answers(press)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            ears = [ear for _, ear in self._open.values()]
        for ear in ears:
            ear.close()
