"""One port: metrics, health, the status page, and the same facts as JSON. Nothing acts over HTTP."""

from app.web.app import create_app
from app.web.server import Server, serve

__all__ = ["Server", "create_app", "serve"]
