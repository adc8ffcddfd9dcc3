"""Secrets that only a sink that really sends needs: `observe` and `check-config` work without them."""

from pydantic import SecretStr

from app.errors import ConfigError


def required(sink: str, option: str, value: SecretStr | None) -> str:
    """The secret, or a `ConfigError` that names the environment variable to set."""
    if value is None or not value.get_secret_value().strip():
        path = f"sinks.{sink}.{option}"
        variable = "KEYSTEWARD_" + path.upper().replace(".", "__")
        raise ConfigError(f"{path}: missing: set {variable}")
    return value.get_secret_value().strip()
