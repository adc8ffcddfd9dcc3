"""Jira: one ticket a finding, opened once, kept up to date, closed on proof."""
