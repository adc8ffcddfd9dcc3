"""Whom AWS itself has quarantined, because an access key of theirs was found where everybody can read it.

AWS then attaches one of its own policies to the user, ``AWSCompromisedKeyQuarantineV3`` at present and others
before it, which denies the worst that a thief could do. It is not for this service to take it off.
https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html
"""

from collections.abc import Iterator

from app.errors import KeystewardError
from app.inventory.api import Api
from app.inventory.faults import Gone
from app.inventory.permissions import QUARANTINE

PAGE = 1000  # what IAM gives at the most


def quarantined(api: Api) -> tuple[frozenset[str] | None, str]:
    """The users' names and no words; or None and why it can't be told: that is never "nobody"."""
    try:
        return frozenset(_users(api)), ""
    except KeystewardError as error:
        return None, f"whether AWS has quarantined a leaked key is unknown: {error}"
    except (LookupError, TypeError):
        return None, "whether AWS has quarantined a leaked key is unknown: its answer is of an unknown shape"


def _users(api: Api) -> Iterator[str]:
    """One call as long as nobody is: of AWS's policies only those that are attached are listed."""
    attached = api.pages("list_policies", "Policies", Scope="AWS", OnlyAttached=True, MaxItems=PAGE)
    for policy in [one for one in attached if one["PolicyName"].startswith(QUARANTINE)]:
        try:
            asked = {"PolicyArn": policy["Arn"], "EntityFilter": "User", "MaxItems": PAGE}
            found = api.pages("list_entities_for_policy", "PolicyUsers", **asked)
            yield from [user["UserName"] for user in found]
        except Gone:  # taken off since it was listed
            continue
