"""The routes. Everything is read from the snapshot that is current when the request arrives."""

from flask import Flask, Response, request
from prometheus_client import CollectorRegistry, make_wsgi_app
from werkzeug.wrappers import Response as AnyResponse

from app.clock import Clock, SystemClock
from app.service.dossier import Dossiers, NoDossiers
from app.service.snapshot import Health, SnapshotHolder
from app.web import api, gate, views
from app.web.signin import SignIn

JSON = "application/json"


def create_app(
    holder: SnapshotHolder,
    health: Health,
    registry: CollectorRegistry,
    *,
    public_page: bool,
    clock: Clock | None = None,
    dossiers: Dossiers | None = None,
    sign_in: SignIn | None = None,
) -> Flask:
    """The WSGI application.

    ``public_page``: the page and the API answer to others than loopback too; with ``sign_in`` they answer
    to whoever signs in, and to nobody else.
    """
    app = Flask(__name__)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    door = gate.Door(public_page, sign_in)
    app.before_request(lambda: door.refusal(request))
    app.after_request(gate.harden)
    _add_probes(app, health, registry)
    views.add_pages(app, views.Pages(holder, clock or SystemClock(), dossiers or NoDossiers()))
    _add_api(app, holder)
    return app


def _add_probes(app: Flask, health: Health, registry: CollectorRegistry) -> None:
    exposition = make_wsgi_app(registry)

    @app.get("/metrics")
    def metrics() -> AnyResponse:
        return AnyResponse.from_app(exposition, {**request.environ, "REQUEST_METHOD": "GET"})

    @app.get("/healthz")
    def healthz() -> Response:
        return _probe(health.faults())

    @app.get("/readyz")
    def readyz() -> Response:
        return _probe(health.obstacles(), health.remarks())


def _probe(reasons: tuple[str, ...], remarks: tuple[str, ...] = ()) -> Response:
    said = {"status": "failing" if reasons else "ok", "reasons": reasons}
    body = api.dumps({**said, "remarks": remarks} if remarks else said)
    return Response(body, status=503 if reasons else 200, mimetype=JSON)


def _add_api(app: Flask, holder: SnapshotHolder) -> None:
    @app.get("/api/v1/<any(summary, findings, accounts, held, deliveries):part>")
    def facts(part: str) -> Response:
        return Response(api.dumps(api.PARTS[part](holder.get())), mimetype=JSON)
