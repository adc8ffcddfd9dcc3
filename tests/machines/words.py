"""Of one notice: I4 (it rests on a whole scan), I7 (the mode lets it out), and no full key id in it."""

from collections.abc import Iterator, Sequence

from app.model import ACTIVE, INACTIVE, KEY_ID, Credential, Mode
from tests.machines.witness import Law, Told

Fault = tuple[str, str]


def faults(told: Told, law: Law, sights: Sequence[Credential | None]) -> Iterator[Fault]:
    """``sights``: of these one is what the service last saw of the key."""
    mode = law.mode_of(told.account_id)
    if mode is Mode.OBSERVE:
        yield "I7", "nothing may leave in observe"
    if mode is Mode.NOTIFY and told.kind == "warning" and told.names:
        yield "I7", "a date was named below enforce"
    if told.kind in SUPPORTS and not any(SUPPORTS[told.kind](told, sight) for sight in sights):
        yield "I4", "no scan shows the key so"
    if KEY_ID.search(f"{told.stage} {told.recipient} {told.finding}"):
        yield "secret", "a full key id was told"


def _warns(told: Told, sight: Credential | None) -> bool:
    if sight is None or sight.tags is None or sight.groups is None or is_sealed(sight):
        return False
    wanted = {"deactivate": ACTIVE, "delete": INACTIVE}.get(told.act)
    return wanted is None or sight.status == wanted


def _closes(told: Told, sight: Credential | None) -> bool:
    return sight is None or sight.status != ACTIVE or is_sealed(sight)


SUPPORTS = {"warning": _warns, "resolved": _closes}


def is_sealed(sight: Credential) -> bool:
    """Exempt, by the tag that the town's policy names."""
    return bool(sight.tags and sight.tags.get("sealed") == "yes")
