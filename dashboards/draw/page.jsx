// A board as Grafana's own components draw it: the same panels, thresholds, units and overrides, with answers that
// `draw.mjs` has fetched. What is left out is what a picture has no use for: queries, menus, tooltips.
// `require`, for these packages' ES modules can't be bundled: they import CommonJS ones the way only webpack reads.
const React = require('react');
const { createRoot } = require('react-dom/client');
const { firstValueFrom } = require('rxjs');
const {
  createTheme, dateTime, EventBusSrv, FieldType, getDisplayProcessor, getDisplayValueAlignmentFactors, standardTransformers,
  standardTransformersRegistry, ThemeContext, toDataFrame, transformDataFrame,
} = require('@grafana/data');
const { BarGauge, BigValue, GlobalStyles, PanelChrome, PanelContextProvider, Table, TimeSeries, VizRepeater } = require('@grafana/ui');

const { board, answers, range, width } = window.drawing;
const theme = createTheme({ colors: { mode: 'dark' } });
const bus = new EventBusSrv();
const GAP = 8, ROW = 30, PAD = 16, HEAD = 56;
const column = (width - 2 * PAD + GAP) / 24;
const timeRange = { from: dateTime(range.from), to: dateTime(range.to), raw: { from: 'now-1', to: 'now' } };
const { mergeTransformer, organizeFieldsTransformer, sortByTransformer } = standardTransformers;
standardTransformersRegistry.setInit(() =>
  [mergeTransformer, organizeFieldsTransformer, sortByTransformer].map((one) => ({ id: one.id, name: one.name, transformation: () => Promise.resolve(one) })));

const named = (legend, metric) => legend.replace(/{{\s*(\w+)\s*}}/g, (_, label) => metric[label] ?? '') || Object.values(metric).join(' ') || 'Value';

/** Prometheus's answer to one query as one frame a series. */
const seriesOf = (panel, target, rows) => rows.map(({ metric, values, value }) => toDataFrame({
  refId: target.refId,
  fields: [
    { name: 'Time', type: FieldType.time, values: (values ?? [value]).map(([at]) => at * 1000) },
    shown(panel, { name: named(target.legendFormat, metric), type: FieldType.number, values: (values ?? [value]).map(([, it]) => Number(it)) }),
  ],
}));

/** The answer as one frame with a column a label. */
const tableOf = (target, rows, several) => toDataFrame({
  refId: target.refId,
  fields: [
    ...[...new Set(rows.flatMap(({ metric }) => Object.keys(metric)))].map((label) =>
      ({ name: label, type: FieldType.string, values: rows.map(({ metric }) => metric[label] ?? '') })),
    { name: several ? `Value #${target.refId}` : 'Value', type: FieldType.number, values: rows.map(({ value }) => Number(value[1])) },
  ],
});

/** The panel's defaults and its overrides for this name, as Grafana applies them. */
function shown(panel, field) {
  const config = structuredClone(panel.fieldConfig.defaults);
  for (const { matcher, properties } of panel.fieldConfig.overrides ?? []) {
    if (matcher.id !== 'byName' || matcher.options !== field.name) continue;
    for (const { id, value } of properties) {
      if (id.startsWith('custom.')) config.custom = { ...config.custom, [id.slice(7)]: value };
      else config[id] = value;
    }
  }
  if (config.color?.mode === 'thresholds' || field.type === FieldType.string) config.custom = { ...config.custom };
  return withDisplay({ ...field, config: { ...config, displayName: undefined } });
}

const withDisplay = (field) => ({ ...field, display: getDisplayProcessor({ field, theme }) });
const framesOf = (panel) => panel.targets.flatMap((target) => seriesOf(panel, target, answers[panel.id][target.refId]));

const rangeOf = ({ values, config }) => {
  const [min, max] = [config.min ?? Math.min(...values), config.max ?? Math.max(...values)];
  return { min, max, delta: max - min };
};

function Stat({ panel, width, height }) {
  const frames = framesOf(panel);
  if (!frames.length) return <Empty panel={panel} />;
  const [time, field] = frames[0].fields;
  const sparkline = panel.options.graphMode === 'area' ? { x: time, y: { ...field, state: { range: rangeOf(field) } }, timeRange } : undefined;
  return <BigValue value={field.display(field.values.at(-1))} sparkline={sparkline} width={width} height={height} theme={theme}
    colorMode={panel.options.colorMode} graphMode={panel.options.graphMode} textMode="value" justifyMode="auto" />;
}

function Bars({ panel, width, height }) {
  const frames = framesOf(panel);
  const most = Math.max(1, ...frames.map((frame) => frame.fields[1].values.at(-1)));
  const one = (frame) => {
    const field = withDisplay({ ...frame.fields[1], config: { ...frame.fields[1].config, min: 0, max: most } });
    return { field: field.config, display: { ...field.display(field.values.at(-1)), title: field.name }, processor: field.display };
  };
  return <VizRepeater source={frames} getValues={() => frames.map(one)} width={width} height={height} orientation="horizontal" itemSpacing={8}
    renderCounter={0} autoGrid={false} getAlignmentFactors={getDisplayValueAlignmentFactors} renderValue={({ value, width, height, alignmentFactors }) =>
      <BarGauge value={value.display} alignmentFactors={alignmentFactors} text={{ titleSize: 14, valueSize: 18 }} field={value.field} display={value.processor} width={width} height={height} orientation="horizontal"
        displayMode={panel.options.displayMode} valueDisplayMode="color" theme={theme} itemSpacing={8} lcdCellWidth={8} showUnfilled />} />;
}

function Lines({ panel, width, height }) {
  const frames = framesOf(panel).map((frame, at) => {
    const [time, field] = frame.fields;
    const state = { seriesIndex: at };
    return { ...frame, fields: [time, withDisplay({ ...field, state })].map((one) => ({ ...one, state })) };
  });
  if (!frames.length) return <Empty panel={panel} />;
  return <PanelContextProvider value={{ eventBus: bus, eventsScope: 'board', sync: () => 0 }}>
    <TimeSeries frames={frames} timeRange={timeRange} timeZone="utc" width={width} height={height} legend={panel.options.legend} options={panel.options} />
  </PanelContextProvider>;
}

function Rows({ panel, width, height }) {
  const [data, keep] = React.useState(null);
  React.useEffect(() => { joined(panel).then(keep); }, []);
  return data && <Table data={data} width={width} height={height} initialSortBy={panel.options.sortBy} showTypeIcons={false} />;
}

async function joined(panel) {
  const frames = panel.targets.map((target) => tableOf(target, answers[panel.id][target.refId], panel.targets.length > 1));
  const steps = panel.transformations.map(({ id, options }) => ({ id, options: { ...options } }));
  const [frame] = await firstValueFrom(transformDataFrame(steps, frames));
  const renames = panel.transformations.at(-1).options.renameByName;
  const kept = frame.fields.filter((field) => Object.values(renames).includes(field.config?.displayName ?? field.name) || renames[field.name]);
  return { ...frame, fields: kept.map((field) => shown(panel, { ...field, name: renames[field.name] ?? field.config?.displayName ?? field.name, state: undefined })) };
}

const Empty = ({ panel }) => <div style={{ padding: 8, color: theme.colors.text.secondary }}>{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
const KINDS = { stat: Stat, bargauge: Bars, timeseries: Lines, table: Rows };

function Place({ panel }) {
  const { x, y, w, h } = panel.gridPos;
  const style = { position: 'absolute', left: PAD + x * column, top: HEAD + y * (ROW + GAP), width: w * column - GAP, height: h * (ROW + GAP) - GAP };
  if (panel.type === 'row') return <div style={{ ...style, color: theme.colors.text.primary, fontSize: 16, fontWeight: 500, paddingTop: 6 }}>{panel.title}</div>;
  const Kind = KINDS[panel.type];
  return <div style={style}>
    <PanelChrome title={panel.title} width={style.width} height={style.height}>{(width, height) => <Kind {...{ panel, width, height }} />}</PanelChrome>
  </div>;
}

createRoot(document.getElementById('board')).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <div style={{ position: 'absolute', left: PAD, top: 14, fontSize: 20, color: theme.colors.text.primary }}>{board.title}</div>
    {board.panels.map((panel) => <Place key={panel.id} panel={panel} />)}
  </ThemeContext.Provider>
);
