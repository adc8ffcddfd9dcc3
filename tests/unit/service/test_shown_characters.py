"""What the config conceals of a key's id reaches no sink, and changes nothing else."""

from dataclasses import replace

from app.service.run_once import run_once
from tests.fakes.policies import policy
from tests.fakes.world import World, aged


def test_notices_and_summaries_show_as_few_characters_as_the_config_says() -> None:
    world = World(policy(), aged(100, "AKIAEXAMPLE00000WXYZ"))
    run_once(replace(world.parts(), shown_characters=1))
    told = [*world.slack.notices, *world.jira.notices]
    assert told
    assert {notice.key_tail for notice in told} == {"…Z"}
    [summary, _] = [*world.slack.summaries, *world.jira.summaries]
    assert summary.rows
    assert "WXYZ" not in str((told, summary))
