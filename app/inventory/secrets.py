"""Values out of AWS Secrets Manager, with the hub's own credentials."""

import json
from typing import Any

import botocore.session
from botocore import exceptions as sdk

from app.errors import Permanent
from app.inventory.credentials import holder
from app.inventory.faults import translate
from app.inventory.permissions import SECRET_ACTIONS

[ACTION] = SECRET_ACTIONS


def read_secret(name: str) -> str:
    """The text of the secret of that name or ARN. Raises `Transient` or `Permanent`, and `KeyError` when it
    holds no text."""
    try:
        client: Any = botocore.session.Session().create_client("secretsmanager")
        answer = client.get_secret_value(SecretId=name)
    except (sdk.BotoCoreError, sdk.ClientError) as error:
        if "KMS" in str(error):  # AWS: "Access to KMS is not allowed"
            raise Permanent(
                "kms:Decrypt on its own KMS key is denied: grant kms:Decrypt to the hub"
            ) from None
        raise translate(error, ACTION, "by the hub", holder("the hub", "hub")) from None
    text: str = answer["SecretString"]
    return text


def value_at(key: str, secret: str) -> str:
    """What stands at ``key`` of a secret that is a JSON object, as the console of AWS writes them.

    Raises `Permanent`, which never quotes the secret.
    """
    try:
        found = json.loads(secret)[key]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise Permanent(f"it is no JSON object with the key {key!r}") from None
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise Permanent(f"its key {key!r} holds no text")
    return str(found)
