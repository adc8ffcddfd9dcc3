"""Text of a certain form in a sink's options: refused with a sentence rather than with a pattern."""

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

# One address and nothing else: no name, no list, no comment, no quotes (RFC 5322, 3.4.1, its plain form).
ONE_ADDRESS = r"""^[^@\s,;:<>()\[\]"\\]+@[^@\s,;:<>()\[\]"\\]+$"""
_CHANNEL = r"^(#.+|[CGD][A-Z0-9]+)$"
_TOPIC = r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$"


def _shape(pattern: str, wanted: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"should be {wanted}")
        return text

    return AfterValidator(check)


def _schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


Address = Annotated[str, _shape(ONE_ADDRESS, "an e-mail address"), _schema(ONE_ADDRESS)]
Channel = Annotated[str, _shape(_CHANNEL, 'a channel such as "#iam-keys", or its id'), _schema(_CHANNEL)]
Topic = Annotated[
    str, _shape(_TOPIC, "a topic's ARN: arn:aws:sns:eu-central-1:111122223333:NAME"), _schema(_TOPIC)
]
