"""What people do in a town: commands, buttons, and changes by hand. Each is witnessed as they see it."""

from collections.abc import Callable
from datetime import timedelta

from app.errors import KeystewardError
from app.model import ACTIVE, Finding
from app.service import changes, letters
from app.service.approve import approve
from app.service.parts import Parts
from app.service.press import Limits, handler
from app.sinks.presses import Answer, Button, Press, Presser
from tests.machines.town import Town
from tests.machines.witness import Approved, Disowned, Paused, Snoozed, Told

ADMIN, WHY = "oncall@example.com", "a release"


def command(town: Town, work: Callable[[Parts], object]) -> bool:
    """Whether it did what it was asked for."""
    with town.acting("person") as parts:
        try:
            work(parts)
        except KeystewardError:
            return False
    return True


def snooze(town: Town, key_id: str, days: int) -> None:
    span = timedelta(days=days)
    if command(town, lambda parts: changes.snooze(parts, key_id, span, ADMIN, WHY)):
        town.witness.note(Snoozed(town.now, town.run, key_id, town.now + town.offset + span))


def restore(town: Town, key_id: str) -> None:
    """It snoozes for a week, too."""
    if command(town, lambda parts: changes.restore(parts, key_id, ADMIN, WHY)):
        until = town.now + town.offset + changes.RESTORE_SNOOZE
        town.witness.note(Snoozed(town.now, town.run, key_id, until))


def pause(town: Town) -> None:
    command(town, lambda parts: changes.pause(parts, ADMIN, WHY))
    town.witness.note(Paused(town.now, town.run, on=True))


def resume(town: Town) -> None:
    town.witness.note(Paused(town.now, town.run, on=False))
    command(town, lambda parts: changes.resume(parts, ADMIN))


def approve_latest(town: Town) -> None:
    def work(parts: Parts) -> None:
        plans = sorted(parts.ledger.held_plans(), key=lambda plan: plan.last_held_at)
        if plans:
            keys = frozenset(act.uid.partition("/")[2] for act in plans[-1].acts)
            town.witness.note(Approved(town.now, town.run, keys))
            approve(parts, plans[-1].id, ADMIN, WHY)

    command(town, work)


def requeue(town: Town) -> None:
    command(town, lambda parts: letters.requeue(parts, [], ADMIN, WHY))


def press(town: Town, key_id: str, button: Button) -> Answer | None:
    """By whoever got the latest notice of the key; None: there is none."""
    told = [t for t in town.witness.seen if isinstance(t, Told) and t.key == key_id and t.recipient]
    if not told:
        return None
    latest = told[-1]
    asked = Press(button, latest.finding, latest.episode, Presser("slack:U1", latest.recipient), WHY)
    with town.acting("person") as parts:
        answer = handler(parts, Limits(frozenset({ADMIN})))(asked)
    _note(town, latest, button, answer)
    return answer


def _note(town: Town, latest: Told, button: Button, answer: Answer) -> None:
    if not answer.done:
        return
    uid = f"{latest.account_id}/{latest.key}"
    held = town.store.ledger.frame().snoozes.get(uid)
    if button in (Button.SNOOZE, Button.RESTORE) and held:
        town.witness.note(Snoozed(town.now, town.run, latest.key, held.until))
    if button is Button.NOT_MINE:
        refusals = [r for r in town.store.ledger.frame().refusals if r.uid == uid]
        latest_one = max(refusals, key=lambda refusal: refusal.at)
        town.witness.note(Disowned(town.now, town.run, latest.key, latest_one.address))


def close_ticket(town: Town, key_id: str) -> None:
    key = town.ever[key_id]
    ticket = town.sinks["jira"].issues.get(Finding.id_for(f"{key.account.id}/{key_id}"))
    if ticket:
        ticket.is_open = False


def toggle(town: Town, key_id: str, status: str) -> None:
    if key := town.key(key_id):
        key.status = status


def delete_by_hand(town: Town, key_id: str) -> None:
    key = town.key(key_id)
    if key and key.status == ACTIVE:
        town.keys.remove(key)
