// V8 flags of the CDK's Node.js process, loaded through NODE_OPTIONS, which takes few V8 flags itself; see node.py.
// CloudFormation Validate is WebAssembly that runs for a second or two. With this budget V8 compiles a function when it is
// first called and never optimizes it, which would cost more CPU time than it saves, and 150 MB; --liftoff-only would
// compile all 5,000 functions at the start. https://v8.dev/blog/wasm-dynamic-tiering
const v8 = require("node:v8");
v8.setFlagsFromString("--wasm-tiering-budget=1000000000");

// The memory of that WebAssembly module grows from 3 to 200 MB in more than a thousand steps. V8 takes each step for new
// external memory of the whole size, and collects all garbage up to a hundred times; with this flag it counts external
// memory in the limit that also holds for objects, and collects a few times. A Node.js that does not know a flag prints
// an error, so it is set only for the version that has it.
// https://chromium.googlesource.com/v8/v8/+/refs/heads/main/src/flags/flag-definitions.h
if (process.versions.node.startsWith("24.")) v8.setFlagsFromString("--external-memory-accounted-in-global-limit");
