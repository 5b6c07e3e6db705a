// V8 flags of the CDK's Node.js process, loaded through NODE_OPTIONS, which takes few V8 flags itself; see node.py.
// CloudFormation Validate is WebAssembly that runs for a second or two. With this budget V8 compiles a function when it is
// first called and never optimizes it, which would cost more CPU time than it saves, and 150 MB; --liftoff-only would
// compile all 5,000 functions at the start. https://v8.dev/blog/wasm-dynamic-tiering
require("node:v8").setFlagsFromString("--wasm-tiering-budget=1000000000");
