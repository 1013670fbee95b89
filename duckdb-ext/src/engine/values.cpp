// A bound for the memory of values.
//
// DuckDB's `memory_limit` counts blocks and hash tables, not the values between them: vectors, and the texts and lists
// in these. One function call makes 2 GB of text, another a list of 200 million numbers. They come from DuckDB's default
// allocator or from the database's, from which blocks come too. Both are exchanged here for one that counts: at any time
// all together may take twice what `memory_limit` allows.

#include "duckdb/common/allocator.hpp"
#include "duckdb/common/exception.hpp"
#include "duckdb/main/capi/capi_internal.hpp"

#include <atomic>
#include <cstdlib>
#include <mutex>

using namespace duckdb;

namespace {

// Smaller pieces are never refused: what fails must be what is large.
constexpr int64_t LARGE = 1 << 20;

std::atomic<int64_t> used {0};
// Of all open databases together.
std::atomic<int64_t> limit {0};

void Count(int64_t size) {
	auto now = used.fetch_add(size, std::memory_order_relaxed) + size;
	auto most = limit.load(std::memory_order_relaxed);
	if (size >= LARGE && now > most) {
		used.fetch_sub(size, std::memory_order_relaxed);
		throw OutOfMemoryException("queries need %lld bytes at once, twice memory_limit is %lld", now, most);
	}
}

data_ptr_t Allocate(PrivateAllocatorData *data, idx_t size) {
	Count(int64_t(size));
	auto pointer = malloc(size);
	if (!pointer) {
		used.fetch_sub(int64_t(size), std::memory_order_relaxed);
	}
	// The caller throws for null.
	return data_ptr_cast(pointer);
}

void Free(PrivateAllocatorData *data, data_ptr_t pointer, idx_t size) {
	used.fetch_sub(int64_t(size), std::memory_order_relaxed);
	free(pointer);
}

data_ptr_t Reallocate(PrivateAllocatorData *data, data_ptr_t pointer, idx_t old_size, idx_t size) {
	Count(int64_t(size) - int64_t(old_size));
	auto moved = realloc(pointer, size);
	if (!moved) {
		used.fetch_sub(int64_t(size) - int64_t(old_size), std::memory_order_relaxed);
	}
	return data_ptr_cast(moved);
}

void Exchange() {
	static std::once_flag once;
	std::call_once(once, [] {
		auto &current = Allocator::DefaultAllocatorReference();
		// Never freed: something may have kept a reference to it.
		static auto before = current;
		current = make_shared_ptr<Allocator>(Allocate, Free, Reallocate, nullptr);
	});
}

} // namespace

extern "C" {

// Before a database is opened with this configuration. False without memory.
bool lumos_count_values(duckdb_config config) {
	try {
		Exchange();
		reinterpret_cast<DBConfig *>(config)->allocator = make_uniq<Allocator>(Allocate, Free, Reallocate, nullptr);
		return true;
	} catch (...) {
		return false;
	}
}

// Adds what a database that was opened may take, and returns it. Not once it is closed again.
int64_t lumos_allow_values(duckdb_database database) {
	auto &instance = *reinterpret_cast<DatabaseWrapper *>(database)->database->instance;
	auto more = 2 * int64_t(instance.config.options.maximum_memory);
	limit.fetch_add(more, std::memory_order_relaxed);
	return more;
}

// Puts a text or BLOB into a row of a vector that is being written, as the C API does, which throws at Rust if there is no
// memory. False then.
bool lumos_assign_string(duckdb_vector vector, idx_t row, const char *data, idx_t size) {
	try {
		duckdb_unsafe_vector_assign_string_element_len(vector, row, data, size);
		return true;
	} catch (...) {
		return false;
	}
}

// Takes it away as the database is closed.
void lumos_disallow_values(int64_t bytes) {
	limit.fetch_sub(bytes, std::memory_order_relaxed);
}
}
