// What the files here share: DuckDB's classes behind the handles of its C API, and the names of attached databases.

#pragma once

#include "duckdb/common/error_data.hpp"
#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/client_context.hpp"

#include <cstring>

namespace lumos {

// The attached databases: mirrored tables, and what users make.
constexpr const char *MIRROR = "mirror";
constexpr const char *OWN = "own";

inline duckdb::DatabaseInstance &Instance(duckdb_database database) {
	return *reinterpret_cast<duckdb::DatabaseWrapper *>(database)->database->instance;
}

inline duckdb::ClientContext &Context(duckdb_connection connection) {
	return *reinterpret_cast<duckdb::Connection *>(connection)->context;
}

// The text of what is being thrown; the caller frees it.
inline char *Message(std::exception &e) {
	try {
		return strdup(duckdb::ErrorData(e).RawMessage().c_str());
	} catch (...) {
		// Memory is short.
		return strdup("");
	}
}

} // namespace lumos
