// Makes the npm packages in the folder that is given: `lumosdb`, and one with the libraries for this platform.
// LUMOSDB_DIR is the folder of the libraries, `target` by default.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const root = path.resolve(here, "../..");
const out = path.resolve(process.argv[2]);
const libraries = process.env.LUMOSDB_DIR ?? path.join(root, "target");
const version = /^version = "([^"]+)"/m.exec(fs.readFileSync(path.join(root, "Cargo.toml"), "utf8"))[1];
const platforms = [["linux", "x64"], ["linux", "arm64"], ["darwin", "arm64"], ["win32", "x64"]];
const common = { version, license: "MIT OR Apache-2.0" };

function pack(folder, files, manifest) {
  const work = path.join(out, "npm", folder);
  fs.rmSync(work, { recursive: true, force: true });
  fs.mkdirSync(work, { recursive: true });
  for (const file of files) {
    if (!fs.existsSync(file)) throw new Error(`${file} is missing; run \`make build\`, or set LUMOSDB_DIR to its folder`);
    fs.copyFileSync(file, path.join(work, path.basename(file)));
  }
  fs.writeFileSync(path.join(work, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  execFileSync("npm", ["pack", "--silent", "--pack-destination", out], { cwd: work, stdio: ["ignore", "ignore", "inherit"] });
}

const main = JSON.parse(fs.readFileSync(path.join(here, "package.json"), "utf8"));
const optionalDependencies = Object.fromEntries(platforms.map((platform) => [`@lumosdb/${platform.join("-")}`, version]));
pack("lumosdb", main.files.map((file) => path.join(here, file)), { ...main, ...common, optionalDependencies });

const { platform, arch } = process;
const suffix = { win32: ".dll", darwin: ".dylib" }[platform] ?? ".so";
const files = [`lumos${suffix}`, "lumos.duckdb_extension"];
pack(`${platform}-${arch}`, files.map((file) => path.join(libraries, file)), {
  name: `@lumosdb/${platform}-${arch}`,
  ...common,
  description: `The libraries of lumosdb for ${platform} on ${arch}`,
  os: [platform],
  cpu: [arch],
  ...(platform === "linux" && { libc: ["glibc"] }), // musl cannot load them.
  files,
  exports: { "./package.json": "./package.json", ...Object.fromEntries(files.map((file) => [`./${file}`, `./${file}`])) },
});
