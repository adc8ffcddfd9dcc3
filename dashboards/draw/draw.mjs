// node draw.mjs BOARD.json PROMETHEUS OUT.png [DAYS]: asks Prometheus every panel's questions and draws the board.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [, , file, prometheus, out, days = '30'] = process.argv;
const WIDTH = 1600, POINTS = 240;
const board = JSON.parse(readFileSync(file));
const to = Math.floor(Date.now() / 1000), from = to - Number(days) * 86400;
const step = Math.ceil((to - from) / POINTS);
const chosen = { $__rate_interval: '2d', $__interval: '1d', $account: '.*', $job: '.*' };

const asked = (expr) => Object.entries(chosen).reduce((text, [name, value]) => text.replaceAll(name, value), expr);

async function answer({ expr, instant }) {
  const [path, when] = instant ? ['query', { time: to }] : ['query_range', { start: from, end: to, step }];
  const reply = await fetch(`${prometheus}/api/v1/${path}?${new URLSearchParams({ query: asked(expr), ...when })}`);
  const body = await reply.json();
  if (body.status !== 'success') throw new Error(`${expr}: ${body.error}`);
  return body.data.result;
}

const answers = {};
for (const panel of board.panels.filter(({ targets }) => targets)) {
  answers[panel.id] = {};
  for (const target of panel.targets) answers[panel.id][target.refId] = await answer(target);
}

const here = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'board-'));
const drawing = { board, answers, width: WIDTH, range: { from: from * 1000, to: to * 1000 } };
const height = 56 + 38 * Math.max(...board.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) + 8;
await build({
  entryPoints: [join(here, 'page.jsx')], bundle: true, outfile: join(folder, 'page.js'), logLevel: 'error', minify: true,
  jsx: 'automatic', define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.svg': 'dataurl', '.woff2': 'dataurl', '.ttf': 'dataurl', '.png': 'dataurl' },
});
const [script, css] = ['page.js', 'page.css'].map((name) => readFileSync(join(folder, name), 'utf8').replaceAll('</script', '<\\/script'));
writeFileSync(join(folder, 'page.html'), `<!doctype html><meta charset="utf-8"><title>${board.title}</title>
<style>@font-face { font-family: Inter; src: local("Inter"), local("Liberation Sans"), local("DejaVu Sans"); }
body { margin: 0; background: #111217; font-family: Inter, "DejaVu Sans", sans-serif; } ${css}</style><div id="board"></div>
<script>window.drawing = ${JSON.stringify(drawing).replaceAll('<', '\\u003c')}</script><script>${script}</script>`);
execFileSync(process.env.CHROMIUM ?? 'chromium', [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--hide-scrollbars', `--user-data-dir=${folder}/profile`,
  `--window-size=${WIDTH},${height}`, '--virtual-time-budget=15000', `--screenshot=${resolve(out)}`, `file://${folder}/page.html`,
], { stdio: ['ignore', 'ignore', process.env.DEBUG ? 'inherit' : 'ignore'], timeout: 180_000 });
rmSync(folder, { recursive: true, force: true });
