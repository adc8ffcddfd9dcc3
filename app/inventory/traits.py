"""Users' tags and groups: of a whole account in one call, or of one user.

`GetAccountAuthorizationDetails` gives both for up to 1,000 users a page. Where it is not permitted, each
user is asked for, in two calls.
https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.errors import KeystewardError
from app.inventory.api import Api

USERS_A_PAGE = 1000
CALLS_A_USER = 2


@dataclass(frozen=True, slots=True)
class Traits:
    """What a user's policy matching needs; None with the reason when it can't be read."""

    tags: Mapping[str, str] | None = None
    groups: tuple[str, ...] | None = None
    unreadable: str = ""


def pays(needed: int, users: int) -> bool:
    """Whether asking for all ``users`` is cheaper than asking for the ``needed`` ones singly."""
    pages = -(-users // USERS_A_PAGE)
    return needed > 0 and pages <= needed * CALLS_A_USER


def traits_of_all(api: Api) -> Mapping[str, Traits]:
    """Every user's, by name. Raises what any call raises: `Denied` where it is not permitted."""
    pages = api.pages(
        "get_account_authorization_details", "UserDetailList", Filter=["User"], MaxItems=USERS_A_PAGE
    )
    return {user["UserName"]: _of_detail(user) for user in pages}


def _of_detail(user: Mapping[str, Any]) -> Traits:
    tags = {tag["Key"]: tag["Value"] for tag in user.get("Tags", ())}
    return Traits(tags, tuple(sorted(user["GroupList"])))


def traits_of_one(api: Api, user: str) -> Traits:
    """One user's. What can't be read is None, and the reason says what is missing."""
    traits = Traits()
    try:
        tags = api.pages("list_user_tags", "Tags", UserName=user)
        traits = replace(traits, tags={tag["Key"]: tag["Value"] for tag in tags})
    except KeystewardError as error:
        traits = replace(traits, unreadable=str(error))
    try:
        groups = api.pages("list_groups_for_user", "Groups", UserName=user)
        return replace(traits, groups=tuple(sorted(group["GroupName"] for group in groups)))
    except KeystewardError as error:
        return replace(traits, unreadable="; ".join(filter(None, (traits.unreadable, str(error)))))
