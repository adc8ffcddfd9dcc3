"""The policy says of each key in docs/cookbook.md what the table there says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config.load import check_config, load_config
from app.config.schema import Config
from app.policy.evaluate import evaluate
from tests.docs.recipes import TODAY, Claim, Recipe, recipes

RECIPES = recipes()


def loaded(recipe: Recipe, folder: Path) -> Config:
    path = folder / "config.yaml"
    path.write_text(recipe.config)
    return load_config(path, {}, now=TODAY)


def unlike(config: Config, claim: Claim) -> Iterator[str]:
    """In what the policy and the page differ."""
    policy, key = config.policy(), claim.credential
    listed = (account.domain() for account in config.accounts.static)
    account = next((one for one in listed if one.name == claim.account.name), claim.account)
    decision = evaluate(policy, account, key, claim.inactive_since, claim.now)
    rule = decision.rule.name if decision.rule else "-"
    owner = decision.owner.address if decision.owner else "nobody"
    says = (decision.state, rule, decision.mode.value, owner)
    if says != claim.said:
        yield f"{key.user}: the page says {claim.said}, the policy {says}: {decision.reason.text}"


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.title for recipe in RECIPES])
def test_the_policy_says_what_the_page_says(recipe: Recipe, tmp_path: Path) -> None:
    config = loaded(recipe, tmp_path)
    assert recipe.claims
    assert [said for claim in recipe.claims for said in unlike(config, claim)] == []


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.title for recipe in RECIPES])
def test_a_recipe_is_whole_and_without_a_warning(recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(recipe.config)
    assert list(map(str, check_config(path, {}, now=TODAY))) == []


def test_acts_are_frozen_when_the_page_says_so(tmp_path: Path) -> None:
    timed = [recipe for recipe in RECIPES if recipe.instants]
    assert [recipe.title for recipe in timed] == ["Holiday freeze"]
    windows = loaded(timed[0], tmp_path).limits().freeze
    says = {at: "frozen" if any(w.covers(at) for w in windows) else "allowed" for at in timed[0].instants}
    assert says == timed[0].instants
