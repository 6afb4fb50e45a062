// Makes component.wasm of lamp.js. What is disabled is what a gateway gives to no driver.
import { componentize } from "@bytecodealliance/componentize-js";
import { readFile, writeFile } from "node:fs/promises";

const { component } = await componentize(await readFile("lamp.js", "utf8"), {
  witPath: "../../../drivers/wit/0.1",
  worldName: "bytes-driver",
  disableFeatures: ["random", "stdio", "clocks", "http", "fetch-event"],
});
await writeFile("component.wasm", component);
