"""Chaos: real processes over a real ledger, harmed on a schedule that a seed replays (docs/reliability.md).

A round is some weeks of a small company's life. Replicas are forked children that run the real service;
AWS, Slack and Jira are the fakes behind a real port each. Faults come at counted requests. What happened
is judged from outside: by what the fakes saw, never by what the service says of itself.
"""
