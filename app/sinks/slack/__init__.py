"""Slack: one Block Kit message an owner and run."""
