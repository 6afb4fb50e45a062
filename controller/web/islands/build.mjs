// Bundles the islands and the stylesheet into ../dist, which the controller serves (embedded in release builds).
import { build } from "esbuild";

await build({
  entryPoints: { app: "src/main.ts", editor: "src/editor.ts", style: "styles/index.css" },
  outdir: "../dist",
  bundle: true,
  format: "esm",
  target: ["es2022", "chrome120", "firefox120", "safari17"],
  minify: !process.argv.includes("--dev"),
  sourcemap: false,
  legalComments: "none",
  logLevel: "warning",
  // Loaded by the page that needs it, when it needs it.
  external: ["./editor.js"],
});
