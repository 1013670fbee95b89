// What DuckDB's C API lacks: a prepared statement that is planned once, when it runs, and the columns of a result
// before its first row.
//
// DuckDB 2.0's C API can stream the rows of a prepared statement only. Preparing plans and optimizes it, throws the
// plan away, and does both again for the execution, which doubles the time before the first row; and it plans
// without the values of the parameters, so that columns which depend on their types are of none. DuckDB's own class
// for a statement whose planning waits is not in the C API; this function makes one, and the C API takes it from
// there.
//
// No exception may leave a function here: above is Rust.

#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/prepared_statement.hpp"
#include "duckdb/main/query_result.hpp"

using namespace duckdb;

extern "C" {

// Takes the statement at index 0. False without memory.
bool lumos_unplanned(duckdb_connection connection, duckdb_extracted_statements extracted,
                     duckdb_prepared_statement *out) {
	try {
		auto &statement = reinterpret_cast<ExtractStatementsWrapper *>(extracted)->statements[0];
		auto wrapper = make_uniq<PreparedStatementWrapper>();
		// The parameters are bound by their positions.
		for (auto &parameter : statement->named_param_map) {
			wrapper->param_index_to_name[parameter.second] = parameter.first.GetIdentifierName();
		}
		auto &context = reinterpret_cast<Connection *>(connection)->context;
		wrapper->statement = make_uniq<PreparedStatement>(context, std::move(statement));
		*out = reinterpret_cast<duckdb_prepared_statement>(wrapper.release());
		return true;
	} catch (...) {
		return false;
	}
}

// The number of columns of a result that is pending: known from here on, before any row is. False for a statement
// that expands into several, like PIVOT: its columns are known once it ran.
bool lumos_pending_column_count(duckdb_pending_result pending, idx_t *count) {
	try {
		*count = reinterpret_cast<PendingStatementWrapper *>(pending)->statement->ColumnCount();
		return true;
	} catch (...) {
		return false;
	}
}

// The name of one; it belongs to the result.
const char *lumos_pending_column_name(duckdb_pending_result pending, idx_t column) {
	try {
		auto &result = *reinterpret_cast<PendingStatementWrapper *>(pending)->statement;
		return result.ColumnName(column).GetIdentifierName().c_str();
	} catch (...) {
		return nullptr;
	}
}

// The type of one; the caller destroys it. Null without memory.
duckdb_logical_type lumos_pending_column_type(duckdb_pending_result pending, idx_t column) {
	try {
		auto &result = *reinterpret_cast<PendingStatementWrapper *>(pending)->statement;
		return reinterpret_cast<duckdb_logical_type>(new LogicalType(result.GetTypes()[column]));
	} catch (...) {
		return nullptr;
	}
}

// The rest stands between us and functions of the C API that let exceptions through.

bool lumos_column_count(duckdb_result *result, idx_t *count) {
	try {
		*count = duckdb_column_count(result);
		return true;
	} catch (...) {
		return false;
	}
}

idx_t lumos_extract_statements(duckdb_connection connection, const char *sql, duckdb_extracted_statements *out) {
	try {
		return duckdb_extract_statements(connection, sql, out);
	} catch (...) {
		return 0;
	}
}

duckdb_state lumos_bind_blob(duckdb_prepared_statement statement, idx_t position, const void *data, idx_t size) {
	try {
		return duckdb_bind_blob(statement, position, data, size);
	} catch (...) {
		return DuckDBError;
	}
}

double lumos_query_progress(duckdb_connection connection) {
	try {
		return duckdb_query_progress(connection).percentage;
	} catch (...) {
		return -1;
	}
}

void lumos_interrupt(duckdb_connection connection) {
	try {
		duckdb_interrupt(connection);
	} catch (...) {
		// It is asked again.
	}
}

void lumos_destroy_pending(duckdb_pending_result *pending) {
	try {
		duckdb_destroy_pending(pending);
	} catch (...) {
		// Its statement has failed in another way before.
	}
}
}
