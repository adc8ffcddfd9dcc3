"""Notices and messages for tests of sinks: those of the contract."""

from app.sinks.contract import NOW, a_message, a_notice, many
from app.sinks.contract import OWNER as JANE

__all__ = ["JANE", "NOW", "a_message", "a_notice", "many"]
