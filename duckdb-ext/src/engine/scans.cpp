#include "scans.hpp"

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/common/string_util.hpp"
#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "duckdb/planner/operator/list.hpp"

#include <map>

using namespace duckdb;

namespace lumos {

namespace {

const std::map<string, Source> &Sources() {
	static const std::map<string, Source> sources = [] {
		std::map<string, Source> found;
		for (auto name : {"generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "summary",
		                  "test_all_types", "unnest"}) {
			found[name] = Source::ARGUMENTS;
		}
		for (auto name : {"checkpoint",
		                  "force_checkpoint",
		                  "duckdb_available_metrics",
		                  "duckdb_columns",
		                  "duckdb_constraints",
		                  "duckdb_coordinate_systems",
		                  "duckdb_databases",
		                  "duckdb_dependencies",
		                  "duckdb_extensions",
		                  "duckdb_functions",
		                  "duckdb_indexes",
		                  "duckdb_keywords",
		                  "duckdb_memory",
		                  "duckdb_optimizers",
		                  "duckdb_schemas",
		                  "duckdb_secrets",
		                  "duckdb_sequences",
		                  "duckdb_settings",
		                  "duckdb_tables",
		                  "duckdb_temporary_files",
		                  "duckdb_triggers",
		                  "duckdb_types",
		                  "duckdb_variables",
		                  "duckdb_views",
		                  "glob",
		                  "pragma_collations",
		                  "pragma_database_size",
		                  "pragma_platform",
		                  "pragma_show",
		                  "pragma_table_info",
		                  "pragma_user_agent",
		                  "pragma_version"}) {
			found[name] = Source::CATALOG;
		}
		for (auto name : {"parquet_scan", "read_csv", "read_csv_auto", "read_json", "read_json_auto",
		                  "read_json_objects", "read_json_objects_auto", "read_ndjson", "read_ndjson_auto",
		                  "read_ndjson_objects", "read_parquet"}) {
			found[name] = Source::FILES;
		}
		return found;
	}();
	return sources;
}

} // namespace

const Source *SourceOf(const LogicalGet &get) {
	auto entry = Sources().find(get.function.GetName().GetIdentifierName());
	return entry == Sources().end() ? nullptr : &entry->second;
}

bool IsParquet(const LogicalGet &get) {
	auto &name = get.function.GetName().GetIdentifierName();
	return name == "read_parquet" || name == "parquet_scan";
}

bool ReadsCatalog(const LogicalGet &get) {
	auto source = SourceOf(get);
	return source && *source == Source::CATALOG;
}

const string &SchemaOf(TableCatalogEntry &table) {
	return table.ParentSchema().name.GetIdentifierName();
}

bool HasRows(LogicalGet &get) {
	auto table = get.GetTable();
	if (!table || !get.children.empty()) {
		return false;
	}
	auto &catalog = table->ParentCatalog().GetName().GetIdentifierName();
	if (catalog == "temp") {
		return StringUtil::StartsWith(table->name.GetIdentifierName(), "rows of ");
	}
	return SchemaOf(*table) == "_lumos_data";
}

Columns ColumnsOf(LogicalGet &get) {
	Columns columns;
	for (auto &index : get.GetColumnIds()) {
		columns.emplace_back();
		if (index.HasPrimaryIndex() && !index.IsVirtualColumn()) {
			columns.back().push_back(Column {&get, get.GetColumnName(index).GetIdentifierName()});
		}
	}
	return columns;
}

namespace {

bool IsGone(LogicalOperator &op) {
	if (op.type != LogicalOperatorType::LOGICAL_GET) {
		return false;
	}
	auto table = op.Cast<LogicalGet>().GetTable();
	return table && SchemaOf(*table) == "_lumos_gone";
}

// Adds what an expression is made of; false if that cannot be told.
bool Collect(const Expression &expression, const vector<ColumnBinding> &bindings, const Columns &columns,
             vector<Column> &found) {
	if (expression.GetExpressionClass() == ExpressionClass::BOUND_COLUMN_REF) {
		auto &binding = expression.Cast<BoundColumnRefExpression>().Binding();
		for (idx_t i = 0; i < bindings.size() && i < columns.size(); i++) {
			if (bindings[i] == binding) {
				found.insert(found.end(), columns[i].begin(), columns[i].end());
				return true;
			}
		}
		return false;
	}
	bool complete = true;
	ExpressionIterator::EnumerateChildren(expression, [&](const Expression &child) {
		complete = Collect(child, bindings, columns, found) && complete;
	});
	return complete;
}

bool Through(LogicalProjection &projection, Rows &rows) {
	Rows below;
	if (!Through(*projection.children[0], below)) {
		return false;
	}
	rows.gets = below.gets;
	for (auto &expression : projection.expressions) {
		rows.columns.emplace_back();
		if (!Collect(*expression, below.bindings, below.columns, rows.columns.back())) {
			return false;
		}
	}
	rows.bindings = projection.GetColumnBindings();
	return true;
}

} // namespace

bool Through(LogicalOperator &op, Rows &rows) {
	switch (op.type) {
	case LogicalOperatorType::LOGICAL_GET: {
		auto &get = op.Cast<LogicalGet>();
		if (!get.children.empty() || !(HasRows(get) || IsParquet(get) || ReadsCatalog(get))) {
			return false;
		}
		rows.gets.push_back(&get);
		rows.columns = ColumnsOf(get);
		break;
	}
	case LogicalOperatorType::LOGICAL_PROJECTION:
		return Through(op.Cast<LogicalProjection>(), rows);
	case LogicalOperatorType::LOGICAL_FILTER: {
		auto &child = *op.children[0];
		return child.type == LogicalOperatorType::LOGICAL_GET && ReadsCatalog(child.Cast<LogicalGet>()) &&
		       Through(child, rows);
	}
	case LogicalOperatorType::LOGICAL_COMPARISON_JOIN: {
		auto &join = op.Cast<LogicalComparisonJoin>();
		if (join.join_type != JoinType::ANTI || !IsGone(*join.children[1])) {
			return false;
		}
		return Through(*join.children[0], rows);
	}
	case LogicalOperatorType::LOGICAL_UNION: {
		for (auto &child : op.children) {
			Rows part;
			if (!Through(*child, part)) {
				return false;
			}
			rows.gets.insert(rows.gets.end(), part.gets.begin(), part.gets.end());
			rows.columns.resize(MaxValue(rows.columns.size(), part.columns.size()));
			for (idx_t i = 0; i < part.columns.size(); i++) {
				rows.columns[i].insert(rows.columns[i].end(), part.columns[i].begin(), part.columns[i].end());
			}
		}
		break;
	}
	default:
		return false;
	}
	rows.bindings = op.GetColumnBindings();
	return true;
}

} // namespace lumos
