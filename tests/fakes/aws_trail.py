"""The fake AWS's CloudTrail: LookupEvents as its API reference has it (newest first, 50 a page at most)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.fakes.refusal import Refusal

LARGEST_PAGE = 50


@dataclass
class FakeEvent:
    """One management event. ``record``: the CloudTrailEvent text instead of the real one."""

    key_id: str
    at: datetime
    source: str = "203.0.113.7"
    agent: str = "aws-cli/2.15.30 Python/3.11.8 Linux/5.10 exe/x86_64.amzn.2 command/s3.ls"
    service: str = "s3"
    region: str = "eu-central-1"
    record: str | None = None


def look_up(events: Sequence[FakeEvent], params: Mapping[str, Any], region: str) -> dict[str, Any]:
    (attribute,) = params["LookupAttributes"]
    if attribute["AttributeKey"] != "AccessKeyId":
        raise Refusal("InvalidLookupAttributesException", "the fake looks up by access key only")
    size = params.get("MaxResults", LARGEST_PAGE)
    if size > LARGEST_PAGE:
        raise Refusal("InvalidMaxResultsException", "at most 50")
    key_id = attribute["AttributeValue"]
    mine = [event for event in events if (event.key_id, event.region) == (key_id, region)]
    newest_first = sorted(mine, key=lambda event: event.at, reverse=True)
    start = _start(params, f"{key_id}/{region}")
    end = start + size
    more = {"NextToken": f"{key_id}/{region}/{end}"} if end < len(mine) else {}
    return {"Events": [_entry(event) for event in newest_first[start:end]], **more}


def _start(params: Mapping[str, Any], request: str) -> int:
    if "NextToken" not in params:
        return 0
    asked, _, start = params["NextToken"].rpartition("/")
    if asked != request:
        raise Refusal("InvalidNextTokenException", "the token is of another request")
    return int(start)


def _entry(event: FakeEvent) -> dict[str, Any]:
    return {
        "EventId": "e-1",
        "EventName": "ListBuckets",
        "ReadOnly": "true",
        "AccessKeyId": event.key_id,
        "EventTime": event.at.timestamp(),
        "EventSource": f"{event.service}.amazonaws.com",
        "Username": "ann",
        "Resources": [],
        "CloudTrailEvent": _record(event) if event.record is None else event.record,
    }


def _record(event: FakeEvent) -> str:
    record = {
        "eventVersion": "1.09",
        "userIdentity": {"type": "IAMUser", "accessKeyId": event.key_id, "userName": "ann"},
        "eventTime": event.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": f"{event.service}.amazonaws.com",
        "eventName": "ListBuckets",
        "awsRegion": event.region,
        "sourceIPAddress": event.source,
        "userAgent": event.agent,
        "requestParameters": {"bucketName": "never-kept"},
    }
    return json.dumps(record)
