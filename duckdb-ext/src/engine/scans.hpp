// What a scan in a plan reads, and what the columns of a projection above scans are made of.

#pragma once

#include "duckdb/catalog/catalog_entry/table_catalog_entry.hpp"
#include "duckdb/planner/operator/logical_get.hpp"

namespace lumos {

// What DuckDB's table functions read. Those that are not here may read anything.
enum class Source {
	// Their arguments.
	ARGUMENTS,
	// The catalog, but for the columns that show what rows are like.
	CATALOG,
	// Files that the plan names.
	FILES,
};

// What the table function of a scan reads; null if it is not known.
const Source *SourceOf(const duckdb::LogicalGet &get);

bool ReadsCatalog(const duckdb::LogicalGet &get);

bool IsParquet(const duckdb::LogicalGet &get);

// True for a table with nothing but rows of SQLite's, mirrored or read for one query.
bool HasRows(duckdb::LogicalGet &get);

// The schema of a table.
const duckdb::string &SchemaOf(duckdb::TableCatalogEntry &table);

// A column of a scan.
struct Column {
	duckdb::LogicalGet *get;
	duckdb::string name;
};

typedef duckdb::vector<duckdb::vector<Column>> Columns;

// A part of the plan that is looked through: what its columns are made of.
struct Rows {
	duckdb::vector<duckdb::ColumnBinding> bindings;
	Columns columns;
	duckdb::vector<duckdb::LogicalGet *> gets;
};

// Columns of a scan that are there by name.
Columns ColumnsOf(duckdb::LogicalGet &get);

// Looks through projections to the rows in the mirror and those in files, as the view of a table with both has them.
// False if that is not what the plan is.
bool Through(duckdb::LogicalOperator &op, Rows &rows);

} // namespace lumos
