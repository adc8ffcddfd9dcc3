"""The query protocol's answers, as text: IAM and STS speak it."""

from datetime import UTC, datetime
from functools import lru_cache

NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
_REQUEST = "<ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata>"


def answer(service: str, action: str, result: str) -> bytes:
    space = NAMESPACES.get(service, "")
    inner = f"<{action}Result>{result}</{action}Result>{_REQUEST}"
    return f'<{action}Response xmlns="{space}">{inner}</{action}Response>'.encode()


def refusal(service: str, code: str, message: str) -> bytes:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return f'<ErrorResponse xmlns="{NAMESPACES.get(service, "")}">{error}{_REQUEST}</ErrorResponse>'.encode()


def page(name: str, members: list[str], marker: int | None) -> str:
    """A listing; ``marker`` is where its next page begins, None at the end."""
    more = f"<IsTruncated>true</IsTruncated><Marker>{marker}</Marker>" if marker else ""
    inner = "".join(f"<member>{member}</member>" for member in members)
    return f"<{name}>{inner}</{name}>{more or '<IsTruncated>false</IsTruncated>'}"


@lru_cache(maxsize=4096)
def stamp(at: int) -> str:
    """Seconds since 1970 as AWS writes them."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
