"""The durable memory: findings, deliveries, snoozes, audit events, and the lease."""
