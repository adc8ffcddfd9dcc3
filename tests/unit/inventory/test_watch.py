"""The count of requests."""

from app.inventory.watch import Calls


def test_the_total_is_of_all_services_operations_and_outcomes() -> None:
    calls = Calls()
    assert calls.total() == 0
    calls.count("iam", "GetCredentialReport", "ok")
    calls.count("iam", "GetCredentialReport", "throttled")
    calls.count("sts", "AssumeRole", "ok")
    assert calls.total() == sum(calls.snapshot().values()) == 3
