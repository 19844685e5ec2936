/* Entrepot: draws the charts of a page; loaded on chart pages only.
 *
 *   <div data-chart="bar" data-chart-label="Revenue per month" class="app-chart">
 *     <script type="application/json">{"x": ["Jan", "Feb"], "series": [{"name": "Revenue", "data": ["10.50", 12]}]}</script>
 *   </div>
 *
 * Kinds: bar, line, pie. "stacked": true stacks; data-chart-from="#id" takes the data from another element. A JSON
 * block is data, not script, so the policy lets it pass. Amounts arrive as text and are numbers here only to be
 * drawn: no figure is calculated. The tooltip is drawn on the canvas, since its HTML form needs style attributes.
 */
import { BarChart, LineChart, PieChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { getInstanceByDom, init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([BarChart, LineChart, PieChart, GridComponent, LegendComponent, TooltipComponent, CanvasRenderer]);

const PALETTE = ["primary", "teal", "orange", "purple", "yellow", "red", "cyan", "lime"];
const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const chart = getInstanceByDom(target);
    if (!chart) continue;
    if (target.isConnected) chart.resize();
    else forget(target, chart);
  }
});

const numbers = new Intl.NumberFormat(document.documentElement.lang);

function drawAll() {
  for (const element of document.querySelectorAll("[data-chart]")) draw(element);
}

function draw(element) {
  const data = read(element);
  if (!data) return;
  const canvas = element.querySelector("[data-chart-canvas]") ?? addCanvas(element);
  const chart = getInstanceByDom(canvas) ?? init(canvas);
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  chart.setOption({ animation: !still, ...options(element.dataset.chart, data, colours()) }, true);
  lead(chart, data);
  sizes.observe(canvas);
}

// A bar leads to what it stands for, as the words below the chart do.
function lead(chart, data) {
  if (!data.links) return;
  chart.off("click");
  chart.on("click", (point) => {
    const link = data.links[point.dataIndex];
    if (link) window.location.assign(link);
  });
}

function read(element) {
  const from = element.dataset.chartFrom;
  const holder = from ? document.querySelector(from) : element.querySelector('script[type="application/json"]');
  const source = holder?.textContent ?? element.dataset.chartData;
  if (!source) return null;
  try {
    return JSON.parse(source);
  } catch (error) {
    console.error("chart data is not JSON", element, error);
    return null;
  }
}

function addCanvas(element) {
  const canvas = document.createElement("div");
  canvas.dataset.chartCanvas = "";
  canvas.className = "app-chart-canvas";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", element.dataset.chartLabel ?? "");
  element.append(canvas);
  return canvas;
}

function options(kind, data, colour) {
  const words = { color: colour.text, fontFamily: colour.font };
  const line = { lineStyle: { color: colour.line } };
  const several = data.series.length > 1;
  const shared = {
    color: colour.palette,
    textStyle: words,
    legend: { show: several || kind === "pie", bottom: 0, textStyle: words, icon: "circle" },
    tooltip: {
      valueFormatter: (value) => numbers.format(value),
      trigger: kind === "pie" ? "item" : "axis",
      renderMode: "richText",
      backgroundColor: colour.surface,
      borderColor: colour.line,
      textStyle: words,
    },
  };
  if (kind === "pie") {
    const [series] = data.series;
    const slices = data.x.map((name, at) => ({ name, value: Number(series.data[at]) }));
    return { ...shared, series: [{ type: "pie", name: series.name, radius: ["48%", "72%"], data: slices, label: { color: colour.text } }] };
  }
  return {
    ...shared,
    grid: { left: 8, right: 8, top: 16, bottom: several ? 32 : 8, outerBoundsMode: "same" },
    xAxis: { type: "category", data: data.x, axisLine: line, axisTick: { show: false }, axisLabel: words },
    yAxis: { type: "value", splitLine: line, axisLabel: { ...words, formatter: (value) => numbers.format(value) } },
    series: data.series.map((series) => ({
      type: kind === "line" ? "line" : "bar",
      name: series.name,
      data: series.data.map(Number),
      stack: data.stacked ? "all" : undefined,
      showSymbol: data.x.length < 40,
      barMaxWidth: 32,
      lineStyle: { width: 2 },
    })),
  };
}

// The theme's colours are oklch and mixtures, which the drawing library cannot read: the browser resolves them on
// an element, and a pixel of a canvas gives the result as rgb.
function colours() {
  const style = getComputedStyle(document.body);
  const probe = document.body.appendChild(document.createElement("i"));
  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (value) => {
    probe.style.color = value;
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = getComputedStyle(probe).color;
    pixel.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data;
    return `rgba(${r},${g},${b},${a / 255})`;
  };
  const variable = (name) => rgb(`var(--tblr-${name})`);
  const found = {
    palette: PALETTE.map((name) => variable(name)),
    text: rgb(style.color),
    line: variable("border-color"),
    surface: variable("bg-surface"),
    font: style.fontFamily,
  };
  probe.remove();
  return found;
}

function forget(canvas, chart) {
  sizes.unobserve(canvas);
  chart.dispose();
}

document.addEventListener("htmx:after:swap", drawAll);
document.addEventListener("entrepot:theme", drawAll);
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", drawAll);
else drawAll();
