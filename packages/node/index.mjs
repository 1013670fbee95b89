import lumosdb from "./index.cjs";

export const { auto, duckdbPath, load, loadablePath, query, vector, watch } = lumosdb;
export default lumosdb;
