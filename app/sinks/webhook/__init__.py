"""Webhooks: signed JSON for any receiver, and the bodies that PagerDuty, Opsgenie and Teams take."""
