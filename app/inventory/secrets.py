"""Values out of AWS Secrets Manager, with the hub's own credentials."""

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
