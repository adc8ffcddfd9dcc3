"""Slack: one Block Kit message an owner and run, later ones in its thread; a summary for the team."""
