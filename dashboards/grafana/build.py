"""Turn a board into Grafana's own model, by Grafana's own builders.

A `Board` flows in and a built dashboard flows out, for `page` to write. Here, and only here, stands
what Grafana needs to know: where panels lie, which colours thresholds have, how several queries
become the columns of one table. A field that Grafana does not have cannot be written. Pure.
"""

import string
import warnings
from collections.abc import Callable, Iterator, Mapping
from itertools import count

from dashboards.grafana.board import (
    BOARDS,
    GRID,
    VOCABULARIES,
    Board,
    Kind,
    Panel,
    Query,
    Row,
    Variable,
    read,
)

with warnings.catch_warnings():
    # The model that every Grafana reads from files; it says of itself that another is to follow.
    warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
    from grafana_foundation_sdk.builders import (
        bargauge,
        common,
        dashboard,
        prometheus,
        stat,
        table,
        timeseries,
    )
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models import common as shown
    from grafana_foundation_sdk.models import dashboard as model
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat

TAG = "sealgate"
ENVIRONMENT = "environment"
SOURCE = shown.DataSourceRef(type_val="prometheus", uid="${datasource}")
REFRESH = "30s"
# The watchdog and what is about the monitoring itself are of no environment.
_FIRING = (
    'ALERTS{environment=~"$environment|",alertname=~"Sealgate.*",'
    'alertstate="firing",severity!="info"}'
)
_LETTERS = string.ascii_uppercase

_Builder = timeseries.Panel | stat.Panel | bargauge.Panel | table.Panel


def build(board: Board) -> model.Dashboard:
    """Build the dashboard of one board."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.tells)
        .tags([TAG])
        .readonly()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time(board.since, "now")
        .timezone("browser")
        .refresh(REFRESH)
        .variables(list(_variables(board)))
        .links(list(_links(board)))
        .annotation(_alerts())
    )
    numbers, down = count(1), 0
    for row in board.row:
        down = _add(made, board, row, numbers, down)
    return made.build()


def _add(
    made: dashboard.Dashboard, board: Board, row: Row, numbers: Iterator[int], down: int
) -> int:
    """Add a row whose title lies at `down`; return where the next one does."""
    title = dashboard.Row(row.title).id(next(numbers)).collapsed(row.folded)
    title.grid_pos(model.GridPos(h=1, w=GRID, x=0, y=down))
    panels, below = [], down + 1
    for panel, place in places(row, down + 1):
        panels.append(_panel(board, panel).id(next(numbers)).grid_pos(place))
        below = max(below, place.y + place.h)
    if row.folded:
        for one in panels:
            title.with_panel(one)
    made.with_row(title)
    if not row.folded:
        for one in panels:
            made.with_panel(one)
    return down + 1 if row.folded else below


def places(row: Row, top: int) -> Iterator[tuple[Panel, model.GridPos]]:
    """Lay panels across, then down; a line is as high as its highest panel."""
    across, down, tallest = 0, top, 0
    for panel in row.panel:
        if across + panel.width > GRID:
            across, down, tallest = 0, down + tallest, 0
        yield panel, model.GridPos(h=panel.height, w=panel.width, x=across, y=down)
        across, tallest = across + panel.width, max(tallest, panel.height)


def _variables(board: Board) -> Iterator[Builder[model.VariableModel]]:
    yield dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    for variable in board.variables:
        yield _variable(variable)


def _variable(variable: Variable) -> Builder[model.VariableModel]:
    # `.*` also takes series that lack the label, where nobody sets an environment.
    hide = model.VariableHide.HIDE_VARIABLE if variable.hidden else model.VariableHide.DONT_HIDE
    asked = f"label_values({variable.metric}, {variable.name})"
    return (
        dashboard.QueryVariable(variable.name)
        .label(variable.title)
        .hide(hide)
        .datasource(SOURCE)
        .query({"query": asked, "refId": variable.name})
        .definition(asked)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        # What is of two environments is not added up: one is looked at, or what has no name.
        .multi(multi=variable.name != ENVIRONMENT)
        .include_all(include_all=True)
        .all_value(".*")
        .current(model.VariableOption(text="All", value="$__all", selected=True))
    )


def _links(board: Board) -> Iterator[Builder[model.DashboardLink]]:
    """Lead to the other boards, with what was chosen here."""
    for other in map(read, BOARDS):
        if other.uid != board.uid:
            link = _link(other.title.removeprefix("Sealgate: "), f"/d/{other.uid}")
            yield link.include_vars(include_vars=True).keep_time(keep_time=True)


def _alerts() -> Builder[model.AnnotationQuery]:
    """Mark on every graph when an alert was firing."""
    return (
        dashboard.AnnotationQuery()
        .name("Alerts")
        .datasource(SOURCE)
        .enable(enable=True)
        .icon_color("red")
        .expr(_FIRING)
        .title_format("{{alertname}}")
        .text_format("{{severity}}")
    )


def _link(title: str, url: str) -> dashboard.DashboardLink:
    return dashboard.DashboardLink(title).type(model.DashboardLinkType.LINK).url(url)


def _panel(board: Board, panel: Panel) -> _Builder:
    made = _DRAWN[panel.kind](panel)
    made.title(panel.title).description(panel.description).datasource(SOURCE).unit(panel.unit)
    made.thresholds(_thresholds(panel))
    made.links([_link(f"Runbook: {panel.runbook}", panel.help).target_blank(target_blank=True)])
    if panel.empty:
        made.no_value(panel.empty)
    if panel.words:
        made.mappings([_words(panel.words)])
    for letter, query in zip(_LETTERS, panel.ask, strict=False):
        made.with_target(_target(board, panel, query, letter))
    return made


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    steps = [model.Threshold(value=value, color=colour) for value, colour in panel.steps]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _words(words: Mapping[str, tuple[str, str]]) -> model.ValueMap:
    return model.ValueMap(
        {
            value: model.ValueMappingResult(text=text, color=colour, index=place)
            for place, (value, (text, colour)) in enumerate(words.items())
        }
    )


def _target(board: Board, panel: Panel, query: Query, letter: str) -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(board.expression(query)).ref_id(letter).datasource(SOURCE)
    if panel.kind is Kind.TABLE:
        return made.format(PromQueryFormat.TABLE).instant()
    made.legend_format(query.name).format(PromQueryFormat.TIME_SERIES)
    return made.instant() if panel.kind is Kind.BARS else made.range()


def _stat(panel: Panel) -> stat.Panel:
    # Only in a panel with several series does the name say which one it is.
    several = "{{" in panel.ask[0].name
    return (
        stat.Panel()
        .graph_mode(shown.BigValueGraphMode.NONE if panel.words else shown.BigValueGraphMode.AREA)
        .color_mode(shown.BigValueColorMode.VALUE)
        .text_mode(
            shown.BigValueTextMode.VALUE_AND_NAME if several else shown.BigValueTextMode.VALUE
        )
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def _series(panel: Panel) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .legend(
            common.VizLegendOptions()
            .display_mode(shown.LegendDisplayMode.LIST)
            .placement(shown.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
            .calcs([])
        )
        .tooltip(common.VizTooltipOptions().mode(shown.TooltipDisplayMode.MULTI))
        .show_points(shown.VisibilityMode.NEVER)
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC))
    )
    # What may be negative says so by its thresholds.
    if all(value is None or value >= 0 for value, _ in panel.steps):
        made.min(0)
    if panel.above:
        made.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(shown.GraphThresholdsStyleMode.DASHED)
        )
    return made


def _stack(panel: Panel) -> timeseries.Panel:
    stacked = common.StackingConfig().mode(shown.StackingMode.NORMAL).group("A")
    return _series(panel).fill_opacity(60).line_width(0).stacking(stacked)


def _bars(_: Panel) -> bargauge.Panel:
    return (
        bargauge.Panel()
        .orientation(shown.VizOrientation.HORIZONTAL)
        .display_mode(shown.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .min(0)
    )


def _table(panel: Panel) -> table.Panel:
    """Show one row for each set of labels: the queries are merged, then named, then ordered."""
    one = len(panel.ask) == 1
    names = {
        **panel.columns,
        **{
            ("Value" if one else f"Value #{letter}"): query.name
            for letter, query in zip(_LETTERS, panel.ask, strict=False)
        },
    }
    organize = {
        "excludeByName": {"Time": True},
        "indexByName": {name: place for place, name in enumerate(names)},
        "renameByName": names,
    }
    made = (
        table.Panel()
        .with_transformation(model.DataTransformerConfig("merge", options={}))
        .with_transformation(model.DataTransformerConfig("organize", options=organize))
        .cell_height(shown.TableCellHeight.SM)
    )
    for query in panel.ask:
        if query.unit:
            made.override_by_name(query.name, [model.DynamicConfigValue("unit", query.unit)])
    for column, vocabulary in panel.vocabulary.items():
        explained = model.ValueMap(
            {
                value: model.ValueMappingResult(text=text)
                for value, text in VOCABULARIES[vocabulary].items()
            }
        )
        made.override_by_name(column, [model.DynamicConfigValue("mappings", [explained])])
    return made


_DRAWN: Mapping[Kind, Callable[[Panel], _Builder]] = {
    Kind.STAT: _stat,
    Kind.SERIES: _series,
    Kind.STACK: _stack,
    Kind.BARS: _bars,
    Kind.TABLE: _table,
}
