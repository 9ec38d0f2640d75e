#!/bin/sh
# bench_page.sh - the script of report.html ends, and throws nothing, whatever figures a file holds: run by node against a document of
# which only the shape is there.
set -eu
cd "${TUFF_SOURCE_DIR:-$(dirname -- "$0")/..}"
command -v node > /dev/null 2>&1 || { echo "SKIP: node is not installed (Debian: nodejs)"; exit 77; }
limit= # a page that loops must fail
command -v timeout > /dev/null 2>&1 && limit="timeout 120"
$limit node - << 'END'
const fs = require("fs"), vm = require("vm");
const page = fs.readFileSync("samples/bench/report.html", "utf8");
const script = page.slice(page.lastIndexOf("<script>") + 8, page.lastIndexOf("</script>"));
let width = 800, made = 0;
class Part {
  constructor() { this.children = []; this.attributes = {}; this.style = {}; this.dataset = {}; this.textContent = ""; this.hidden = false; this.value = "";
    this.classList = {add() {}, remove() {}, toggle() {}, contains() { return false; }}; made++; }
  setAttribute(name, value) { if (/NaN|undefined/.test(String(value)) && /^(x|y|x1|y1|x2|y2|d|width|height)$/.test(name)) this.odd = true; this.attributes[name] = String(value); }
  getAttribute(name) { return this.attributes[name] || null; }
  append(...parts) { for (const part of parts) this.children.push(part); }
  replaceChildren(...parts) { this.children = parts; for (const part of parts) if (part instanceof Part && /cannot be drawn/.test(part.children[0])) broken.push(part.children[0]); }
  addEventListener() {} querySelectorAll() { return []; } querySelector() { return null; } closest() { return null; } remove() {}
  getBoundingClientRect() { return {left: 0, top: 0, width: 1, height: 1, right: 1, bottom: 1}; }
  get clientWidth() { return width; }
}
let broken = [];
function run(files, what) {
  const parts = {results: new Part(), page: new Part(), tip: new Part()};
  parts.results.textContent = files;
  const document = {createElement: () => new Part(), createElementNS: () => new Part(), getElementById: id => parts[id] || (parts[id] = new Part()),
    querySelectorAll: () => [], querySelector: () => null, documentElement: new Part(), addEventListener() {}, body: new Part(), createTextNode: t => t};
  broken = [];
  const began = Date.now();
  try { vm.runInNewContext(script, {document, addEventListener() {}, location: {hash: ""}, innerWidth: width, innerHeight: 600, console, setTimeout() {}, requestAnimationFrame() {}, matchMedia: () => ({matches: false, addEventListener() {}})}, {timeout: 60000}); }
  catch (reason) { console.log(`${what}: ${reason.stack.split("\n").slice(0, 4).join(" | ")}`); process.exitCode = 1; }
  if (broken.length) { console.log(`${what}: ${broken[0]}`); process.exitCode = 1; }
  if (Date.now() - began > 40000) { console.log(`${what}: ${Date.now() - began} ms`); process.exitCode = 1; }
}
function read(name) {
  const file = JSON.parse(fs.readFileSync(`tests/data/bench/${name}.json`, "utf8"));
  file.file = name;
  for (const row of file.results) row.samples = (row.clock === "device" ? row.device_ns : row.wall_ns).slice(0, 100);
  return file;
}
const print = files => JSON.stringify(files).replace(/"@([^"]*)"/g, "$1"); /* "@1e999": that very word */
/* Every number of every row, or of one kind, becomes the figure. */
function each(value, name, figure) {
  if (typeof value === "number") return /^(device|runs)$/.test(name) ? value : figure;
  if (Array.isArray(value)) return value.map(v => each(v, name, figure));
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, each(v, k, figure)]));
  return value;
}
for (const name of ["discrete", "software"]) {
  for (width of [50, 168, 170, 178, 320, 800, 4000]) run(print([read(name)]), `${name}, ${width} pixels`);
  width = 800;
  for (const figure of [0, -1, 1, 1e300, -1e300, 5e-324, 1.7976931348623157e308, "@1e999", "@-1e999", 1e15]) {
    const file = read(name);
    file.results = file.results.map(row => each(row, "", figure));
    run(print([file]), `${name}, all figures ${figure}`);
    const one = read(name);
    one.results = one.results.map((row, i) => i % 3 ? row : each(row, "", figure));
    run(print([one]), `${name}, a third of the figures ${figure}`);
  }
  const tags = read(name);
  for (const row of tags.results) row.title = "</script><script>throw 1</script>\u202e\u001b[2J", row.message = "<img src=x onerror=throw>";
  for (const device of tags.devices) device.name = "__proto__";
  run(print([tags]), `${name}, tags`);
}
const many = read("discrete"), rows = many.results.slice(0, 40);
many.results = [];
for (let i = 0; i < 10000; i++) many.results.push({...rows[i % rows.length], id: `operator/x${i}/1.f32.f32/warm`, group: "operator", samples: [1, 2, 3]});
run(print([many]), "10,000 rows");
const long = read("discrete");
for (const row of long.results.filter(r => r.series && r.series.length).slice(0, 1)) row.series = Array.from({length: 300000}, (_, i) => ({t: i, value: i % 7, clock_mhz: i, temperature_c: null}));
run(print([long]), "300,000 samples of a series");
console.log(`${made} elements`);
END
