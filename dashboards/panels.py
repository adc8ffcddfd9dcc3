"""The few kinds of panels that the boards are made of, over grafana-foundation-sdk's classic builders.

A panel is built by one call that demands what a reader needs: title, description, unit, queries. Widths are
in Grafana's 24 columns, heights in its rows of 30 pixels.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from string import ascii_uppercase
from typing import Any

with warnings.catch_warnings():
    # The SDK prefers the v2 schema, which most installed Grafanas can't import yet.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, table, timeseries
    from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat, QueryEditorMode

# A window that holds but one scrape has no increase: zoomed in, the graph would be empty.
LEAST_STEP = "5m"
SOURCE = words.DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "yellow", "orange", "red", "blue", "text"
Steps = Sequence[tuple[float | None, str]]  # from this value on, this colour; the first value is None
PLAIN: Steps = ((None, BLUE),)
GOOD_AT_ZERO: Steps = ((None, GREEN), (1, RED))
WARN_ABOVE_ZERO: Steps = ((None, GREEN), (1, ORANGE))
BAD_AT_ZERO: Steps = ((None, RED), (1, GREEN))
STATES: Mapping[str, str] = {"ok": GREEN, "exempt": BLUE, "inactive": "#8e8e8e", "unknown": "purple"}


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression; ``legend`` is Grafana's template for the names of its series."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """What every panel has. ``none`` is shown where nothing was answered."""

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 3
    height: int = 4
    decimals: int | None = 0
    steps: Steps = PLAIN
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # value -> text, colour
    none: str = "0"
    most: float | None = None  # the end of the scale


@dataclass(frozen=True, slots=True)
class Board:
    uid: str
    built: model.Dashboard


Panel = model.Panel
Panels = tuple[Panel, ...]


def newest(metric: str, *labels: str, where: str = "") -> str:
    """``metric`` of one installation. Standbys and a replica just replaced export it too: it counts once."""
    matchers = ",".join(filter(None, ('job=~"$job"', where)))
    by = ", ".join(("job", *labels))
    return f"max by ({by}) (keysteward_{metric}{{{matchers}}})"


def worst(metric: str) -> str:
    """A 0-or-1 ``metric`` of each replica: 0 as soon as one of them says 0."""
    return f'min(keysteward_{metric}{{job=~"$job"}})'


def rate(metric: str, *labels: str) -> str:
    """Per second, all replicas together."""
    by = ", ".join(labels)
    return f'sum by ({by}) (rate(keysteward_{metric}{{job=~"$job"}}[$__rate_interval]))'


def grew(metric: str, *labels: str) -> str:
    """By how much it grew within a step of the graph, all replicas together."""
    by = ", ".join(labels)
    return f'sum by ({by}) (increase(keysteward_{metric}{{job=~"$job"}}[$__interval]))'


def number(frame: Frame, trend: bool = False) -> model.Panel:
    """A big number. ``trend``: with a line behind it."""
    graph = words.BigValueGraphMode.AREA if trend else words.BigValueGraphMode.NONE
    panel = stat.Panel().graph_mode(graph).color_mode(words.BigValueColorMode.VALUE)
    panel.reduce_options(_last()).text_mode(words.BigValueTextMode.VALUE)
    for target in _targets(frame, instant=not trend):
        panel.with_target(target)
    return _framed(panel.build(), frame)


def lines(frame: Frame, stacked: bool = False, colours: Mapping[str, str] | None = None) -> model.Panel:
    """Values over time. ``colours``: of the series so named."""
    panel = timeseries.Panel().line_width(2).fill_opacity(50 if stacked else 12).span_nulls(3_600_000)
    panel.show_points(words.VisibilityMode.NEVER).axis_soft_min(0)
    if any("$__interval" in query.expr for query in frame.queries):
        panel.interval(LEAST_STEP)
    mode = words.StackingMode.NORMAL if stacked else words.StackingMode.NONE
    panel.stacking(common.StackingConfig().mode(mode).group("A"))
    panel.legend(
        common.VizLegendOptions()
        .display_mode(words.LegendDisplayMode.LIST)
        .placement(words.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    panel.tooltip(
        common.VizTooltipOptions().mode(words.TooltipDisplayMode.MULTI).sort(words.SortOrder.DESCENDING)
    )
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, [_painted(colour)])
    for target in _targets(frame, instant=False):
        panel.with_target(target)
    built = _framed(panel.build(), frame)
    _defaults(built).color = model.FieldColor(mode=model.FieldColorModeId.PALETTE_CLASSIC)
    return built


def _painted(colour: str) -> model.DynamicConfigValue:
    return model.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})


def bars(frame: Frame, colours: Mapping[str, str] | None = None) -> model.Panel:
    """One bar a series, coloured by the thresholds, or by ``colours`` where it is named there."""
    panel = bargauge.Panel().orientation(words.VizOrientation.HORIZONTAL).reduce_options(_last())
    panel.display_mode(words.BarGaugeDisplayMode.GRADIENT).value_mode(words.BarGaugeValueMode.COLOR).min(0)
    panel.show_unfilled(True)
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, [_painted(colour)])
    for target in _targets(frame, instant=True):
        panel.with_target(target)
    return _framed(panel.build(), frame)


@dataclass(frozen=True, slots=True)
class Column:
    """``source`` is a label, or ``Value`` (``Value #B`` where there are several queries)."""

    source: str
    title: str
    unit: str = ""
    steps: Steps = ()
    decimals: int = 0


def rows(frame: Frame, columns: Sequence[Column], sort_by: str, descending: bool = True) -> model.Panel:
    """A table of these columns and no other; several queries are joined by the labels that they share."""
    panel = table.Panel().show_header(True)
    panel.sort_by([common.TableSortByFieldState().display_name(sort_by).desc(descending)])
    for column in columns:
        if column.unit:
            panel.override_by_name(column.title, _shown(column))
    for target in _targets(frame, instant=True):
        panel.with_target(target.format(PromQueryFormat.TABLE))
    if len(frame.queries) > 1:
        panel.with_transformation(model.DataTransformerConfig("merge", options={}))
    panel.with_transformation(model.DataTransformerConfig("organize", options=_organized(columns)))
    return _framed(panel.build(), frame)


def _shown(column: Column) -> list[model.DynamicConfigValue]:
    looks = [
        model.DynamicConfigValue("unit", column.unit),
        model.DynamicConfigValue("decimals", column.decimals),
    ]
    if column.steps:
        steps = [{"value": value, "color": colour} for value, colour in column.steps]
        looks.append(model.DynamicConfigValue("thresholds", {"mode": "absolute", "steps": steps}))
        looks.append(model.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
    return looks


def _organized(columns: Sequence[Column]) -> dict[str, Any]:
    return {
        "includeByName": {column.source: True for column in columns},
        "indexByName": {column.source: place for place, column in enumerate(columns)},
        "renameByName": {column.source: column.title for column in columns},
        "excludeByName": {"Time": True, "job": True},
    }


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _targets(frame: Frame, instant: bool) -> list[prometheus.Dataquery]:
    made = []
    for letter, query in zip(ascii_uppercase, frame.queries, strict=False):
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(letter)
        target.datasource(SOURCE).editor_mode(QueryEditorMode.CODE)
        made.append(target.instant() if instant else target.range())
    return made


def _framed(panel: model.Panel, frame: Frame) -> model.Panel:
    panel.title, panel.description, panel.datasource = frame.title, frame.description, SOURCE
    panel.grid_pos = model.GridPos(h=frame.height, w=frame.width)
    defaults = _defaults(panel)
    defaults.unit, defaults.decimals, defaults.no_value = frame.unit, frame.decimals, frame.none
    defaults.min_val, defaults.max_val = 0 if frame.most else defaults.min_val, frame.most
    defaults.color = model.FieldColor(mode=model.FieldColorModeId.THRESHOLDS)
    steps = [model.Threshold(value=value, color=colour) for value, colour in frame.steps]
    defaults.thresholds = model.ThresholdsConfig(mode=model.ThresholdsMode.ABSOLUTE, steps=steps)
    defaults.mappings = [_mapping(frame.words)] if frame.words else []
    return panel


def _defaults(panel: model.Panel) -> model.FieldConfig:
    panel.field_config = panel.field_config or model.FieldConfigSource()
    return panel.field_config.defaults


def _mapping(named: Mapping[str, tuple[str, str]]) -> model.ValueMap:
    results = {
        value: model.ValueMappingResult(text=text, color=colour, index=place)
        for place, (value, (text, colour)) in enumerate(named.items())
    }
    return model.ValueMap(options=results)


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
    for link in built.links or ():
        link.placement = None  # type: ignore[assignment]  # above the panels: the SDK's default hides it in a menu
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
    return json.dumps({"id": None, **body}, indent=2, ensure_ascii=False) + "\n"
