"""Amazon SNS: the same JSON as the webhook's, for whatever subscribes."""
