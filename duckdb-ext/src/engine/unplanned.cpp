// A prepared statement that is planned once, when it runs.
//
// DuckDB 2.0's C API can stream the rows of a prepared statement only. Preparing a query that scans a table
// plans and optimizes it, throws the plan away, and does both again for the execution, which doubles the time
// before the first row. DuckDB's own class for a statement whose planning waits is not in the C API; this
// function makes one, and the C API takes it from there.

#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/prepared_statement.hpp"
#include "duckdb/main/query_result.hpp"

using namespace duckdb;

extern "C" {

// Takes the statement at index 0 and returns true if it is a SELECT without parameters; else leaves all alone.
bool lumos_unplanned_select(duckdb_connection connection, duckdb_extracted_statements extracted,
                            duckdb_prepared_statement *out) {
	if (!extracted) {
		return false;
	}
	auto &statements = reinterpret_cast<ExtractStatementsWrapper *>(extracted)->statements;
	if (statements.size() != 1 || statements[0]->type != StatementType::SELECT_STATEMENT ||
	    !statements[0]->named_param_map.empty()) {
		return false;
	}
	try {
		auto wrapper = make_uniq<PreparedStatementWrapper>();
		auto &context = reinterpret_cast<Connection *>(connection)->context;
		wrapper->statement = make_uniq<PreparedStatement>(context, std::move(statements[0]));
		*out = reinterpret_cast<duckdb_prepared_statement>(wrapper.release());
		return true;
	} catch (...) {
		return false;
	}
}

// The columns of a result that is pending: known from here on, before any row is.
idx_t lumos_pending_column_count(duckdb_pending_result pending) {
	return reinterpret_cast<PendingStatementWrapper *>(pending)->statement->ColumnCount();
}

// The type of one; the caller destroys it.
duckdb_logical_type lumos_pending_column_type(duckdb_pending_result pending, idx_t column) {
	auto &result = *reinterpret_cast<PendingStatementWrapper *>(pending)->statement;
	return reinterpret_cast<duckdb_logical_type>(new LogicalType(result.GetTypes()[column]));
}
}
