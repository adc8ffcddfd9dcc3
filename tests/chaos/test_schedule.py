"""A seed is a schedule: what a violation prints is played again."""

from tests.chaos.schedule import AT_A_REQUEST, AT_A_START, draw


def test_a_seed_draws_the_same_schedule_each_time() -> None:
    for seed in range(50):
        assert draw(seed, 3) == draw(seed, 3)
    assert draw(1, 3) != draw(2, 3)


def test_everything_that_can_go_wrong_does_within_a_thousand_rounds() -> None:
    drawn = {(event.channel, event.what) for seed in range(1000) for event in draw(seed, 3).events}
    at_requests = {(channel, what) for channel, kinds in AT_A_REQUEST.items() for what in kinds}
    assert drawn == at_requests | {("", what) for what in AT_A_START}


def test_only_a_file_has_a_disk_that_fills_and_only_a_web_service_throttles() -> None:
    def kinds(**ledger: bool) -> set[str]:
        events = (event for seed in range(500) for event in draw(seed, 1, **ledger).events)
        return {event.what for event in events if event.channel in ("", "ledger")}

    assert "disk" in kinds(disk=True) - kinds()
    assert {"broken", "throttle", "cut"} <= kinds(web=True) - kinds()
    assert "restart" not in kinds(web=True)
