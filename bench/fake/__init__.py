"""The fake AWS, in parts: HTTP, the state behind it, and one module a service."""
