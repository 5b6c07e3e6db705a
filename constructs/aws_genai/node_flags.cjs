// V8 flags of the CDK's Node.js process, loaded through NODE_OPTIONS, which takes few V8 flags itself; see node.py.
// CloudFormation Validate is WebAssembly that runs for a few seconds: optimizing its code costs as much CPU time as it
// saves, and 150 MB. https://v8.dev/docs/wasm-compilation-pipeline
require("node:v8").setFlagsFromString("--liftoff-only");
