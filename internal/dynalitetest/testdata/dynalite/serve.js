// Starts an empty server on a free loopback port for each line of standard
// input and prints the port. It ends with its standard input.
//
// DynamoDB compares objects and lists by what is in them, and finds "", 0 and
// false with IN. dynalite does neither, so that is mended before it is loaded.
const fs = require("fs");
const Module = require("module");
const path = require("path");

const file = require.resolve("dynalite/db");
let source = fs.readFileSync(file, "utf8");
for (const [was, is] of [
  ["function valsEqual (val1, val2) {", "function valsEqual (val1, val2) {\n  return canonical(val1) === canonical(val2)"],
  ["case 'in':\n    if (!attrVal) return false", "case 'in':\n    if (attrVal == null) return false"],
]) {
  if (!source.includes(was)) throw new Error("dynalite is another: look whether it still needs to be mended");
  source = source.replace(was, is);
}
source += `
function canonical (v) {
  if (v === null || typeof v != 'object') return JSON.stringify(v)
  if (!Array.isArray(v)) return '{' + Object.keys(v).sort().map(function (k) { return JSON.stringify(k) + ':' + canonical(v[k]) }) + '}'
  var all = v.map(canonical)
  if (v.every(function (e) { return typeof e == 'string' })) all.sort() // a set
  return '[' + all + ']'
}
`;
const mended = new Module(file, module);
mended.filename = file;
mended.paths = Module._nodeModulePaths(path.dirname(file));
mended._compile(source, file);
mended.loaded = true;
require.cache[file] = mended;

const dynalite = require("dynalite");

require("readline")
  .createInterface({ input: process.stdin })
  .on("line", () => {
    const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
    server.listen(0, "127.0.0.1", () => console.log(server.address().port));
  })
  .on("close", () => process.exit());
