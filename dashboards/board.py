"""A board as a whole: its rows laid out, its variables, its link to the other, and its JSON."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.panels import SOURCE

with warnings.catch_warnings():
    # The SDK prefers the v2 schema, which most installed Grafanas can't import yet.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model


@dataclass(frozen=True, slots=True)
class Board:
    uid: str
    built: model.Dashboard


@dataclass(frozen=True, slots=True)
class About:
    """Of a board. ``other``: title and uid of the board that it links to."""

    uid: str
    title: str
    description: str
    since: str  # "now-7d"
    other: tuple[str, str]


Rows = Sequence[tuple[str, Sequence[model.Panel]]]  # each under its heading


def lay_out(about: About, groups: Rows, variables: Sequence[build.QueryVariable]) -> Board:
    """Row by row, from left to right; ids follow the order on the board."""
    made = _dashboard(about)
    for variable in variables:
        made.with_variable(variable)
    built = made.build()
    built.panels = _placed(groups)
    return Board(about.uid, built)


def _placed(groups: Rows) -> list[model.Panel | model.RowPanel]:
    placed: list[model.Panel | model.RowPanel] = []
    y = 0
    for heading, panels in groups:
        place = model.GridPos(h=1, w=24, x=0, y=y)
        placed.append(model.RowPanel(title=heading, id_val=len(placed) + 1, grid_pos=place))
        y = _place(placed, panels, y + 1)
    return placed


def _place(placed: list[model.Panel | model.RowPanel], panels: Sequence[model.Panel], top: int) -> int:
    """Each at the first free place, from left to right and down; returns the first free row below."""
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel.grid_pos or model.GridPos()
        place.x, place.y = next(
            (x, y) for y in count(top) for x in range(25 - place.w) if not taken & _cells(place, x, y)
        )
        taken |= _cells(place, place.x, place.y)
        panel.id_val = len(placed) + 1
        placed.append(panel)
    return max(y for _, y in taken) + 1


def _cells(place: model.GridPos, x: int, y: int) -> set[tuple[int, int]]:
    return {(x + right, y + down) for right in range(place.w) for down in range(place.h)}


def _dashboard(about: About) -> build.Dashboard:
    title, uid = about.other
    link = build.DashboardLink(title).type(model.DashboardLinkType.LINK).url(f"/d/{uid}").icon("dashboard")
    return (
        build.Dashboard(about.title)
        .uid(about.uid)
        .description(about.description)
        .tags(["aws", "iam", "keysteward"])
        .timezone("utc")
        .editable()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time(about.since, "now")
        .refresh("1m")
        .version(1)
        .annotations([])
        .link(link.keep_time(True).include_vars(True))
        .with_variable(build.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )


def variable(name: str, label: str, query: str) -> build.QueryVariable:
    """The values of a label; ``query`` is Grafana's ``label_values(…)``."""
    made = build.QueryVariable(name).label(label).datasource(SOURCE).definition(query)
    made.query({"query": query, "refId": name}).refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
    return made.sort(model.VariableSort.ALPHABETICAL_ASC)


INSTALLATION = "label_values(keysteward_build_info, job)"


def to_json(board: Board) -> str:
    """As Grafana imports it: ``id`` null, so that it belongs to no installation yet."""
    body: dict[str, Any] = json.loads(json.dumps(board.built, cls=JSONEncoder))
    for link in body["links"]:
        del link["placement"]  # above the panels: the SDK's default hides it in a menu
    return json.dumps({"id": None, **body}, indent=2, ensure_ascii=False) + "\n"
