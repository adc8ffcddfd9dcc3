"""The status page, health and metrics. Read-only: nothing acts over HTTP."""
