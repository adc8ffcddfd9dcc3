"""AWS clients of sinks, with the service's own credentials."""

from typing import Any

import boto3
from botocore.config import Config


def client(service: str, region: str | None, timeout: float) -> Any:
    """Makes no request. ``timeout`` in seconds. Raises botocore's NoRegionError without a region."""
    config = Config(
        connect_timeout=timeout,
        read_timeout=timeout,
        # A repeat after a lost answer would tell twice: the service owns retries.
        retries={"mode": "standard", "total_max_attempts": 1},
    )
    return boto3.client(service, region_name=region, config=config)  # type: ignore[call-overload]
