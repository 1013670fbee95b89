// Deletes the rows of a table that have one of a few integer keys, without reading the others.
//
// A DELETE by keys that lie anywhere reads the key of every row: DuckDB knows the least and the greatest key of each
// row group, 122,880 rows, and one in there is enough. Here they are known of each vector, 2,048 rows, from the first
// time that a row group is looked through, in a few bytes of memory. A full vector never gets other values: rows come at
// the end, and go by a mark beside them. (An UPDATE would change values in place; then nothing is kept.)
//
// No exception may leave a function here: above is Rust.

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/duck_table_entry.hpp"
#include "duckdb/common/enums/database_modification_type.hpp"
#include "duckdb/common/error_data.hpp"
#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/storage/data_table.hpp"
#include "duckdb/storage/statistics/numeric_stats.hpp"
#include "duckdb/storage/table/column_data.hpp"
#include "duckdb/storage/table/delete_state.hpp"
#include "duckdb/storage/table/row_group.hpp"
#include "duckdb/storage/table/row_group_collection.hpp"
#include "duckdb/storage/table/row_group_segment_tree.hpp"
#include "duckdb/storage/table/scan_state.hpp"
#include "duckdb/transaction/duck_transaction.hpp"
#include "duckdb/transaction/local_storage.hpp"
#include "duckdb/transaction/meta_transaction.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <unordered_map>

using namespace duckdb;

namespace {

struct Range {
	int64_t least = NumericLimits<int64_t>::Maximum();
	int64_t greatest = NumericLimits<int64_t>::Minimum();
	// The values stand in order, and none is NULL.
	bool ordered = true;
	// Each is one more than that before it, so that a key says where it is.
	bool dense = true;
};

// The ranges of a column's full vectors, from its first. The column is that of one row group.
using Ranges = std::vector<Range>;

struct Known {
	weak_ptr<ColumnData> column;
	std::shared_ptr<const Ranges> ranges;
};

std::mutex lock;
// By the column's place in memory, which another one may have once the first is gone.
std::unordered_map<const ColumnData *, Known> known;

std::shared_ptr<const Ranges> Recall(ColumnData &column) {
	std::lock_guard<std::mutex> guard(lock);
	auto entry = known.find(&column);
	if (entry == known.end() || entry->second.column.lock().get() != &column) {
		return nullptr;
	}
	return entry->second.ranges;
}

void Remember(ColumnData &column, std::shared_ptr<const Ranges> ranges) {
	std::lock_guard<std::mutex> guard(lock);
	for (auto entry = known.begin(); entry != known.end();) {
		entry = entry->second.column.expired() ? known.erase(entry) : std::next(entry);
	}
	known[&column] = Known {weak_ptr<ColumnData>(column.shared_from_this()), std::move(ranges)};
}

// The keys that are looked for, in order.
class Keys {
public:
	Keys(const int64_t *keys, idx_t count) : sorted(keys, keys + count), marks(MARKS / 64) {
		std::sort(sorted.begin(), sorted.end());
		for (auto key : sorted) {
			marks[Mark(key) / 64] |= 1ULL << Mark(key) % 64;
		}
	}

	// Those within a range.
	std::pair<const int64_t *, const int64_t *> Within(int64_t least, int64_t greatest) const {
		auto end = sorted.data() + sorted.size();
		auto first = std::lower_bound(sorted.data(), end, least);
		return {first, std::upper_bound(first, end, greatest)};
	}

	bool Has(int64_t key) const {
		return (marks[Mark(key) / 64] >> Mark(key) % 64 & 1) && std::binary_search(sorted.begin(), sorted.end(), key);
	}

private:
	static constexpr size_t MARKS = 1 << 16;

	static size_t Mark(int64_t key) {
		return (uint64_t(key) * 0x9E3779B97F4A7C15ULL) >> 48;
	}

	std::vector<int64_t> sorted;
	// A bit for the keys with one hash, which most other values have not.
	std::vector<uint64_t> marks;
};

// Reads a column of a table.
class Reader {
public:
	Reader(ClientContext &context, DataTable &table, DuckTransaction &transaction, const StorageIndex &column)
	    : options(TransactionData(transaction)) {
		table.InitializeScan(context, transaction, state, {column});
		chunk.Initialize(Allocator::Get(context), {LogicalType::BIGINT});
		// Where all rows are given, the n-th is the n-th. Whether one is seen is asked for those that are looked for.
		options.insert_type = InsertedScanType::ALL_ROWS;
		options.delete_type = DeletedScanType::INCLUDE_ALL_DELETED;
	}

	// Gives the values of each vector of a row group from `first` to before `end`: their format, their number, and the
	// place of the first in the row group.
	template <class F>
	void Read(SegmentNode<RowGroup> &node, idx_t first, idx_t end, F &&each) {
		auto &group = node.GetNode();
		auto &scan = state.table_state;
		scan.prepared_vector.Reset();
		if (!group.InitializeScanWithOffset(scan, node, first)) {
			return;
		}
		scan.max_row_group_row = MinValue<idx_t>(scan.max_row_group_row, end * STANDARD_VECTOR_SIZE);
		for (idx_t place = first * STANDARD_VECTOR_SIZE;; place += chunk.size()) {
			chunk.Reset();
			group.Scan(options, scan, chunk);
			if (chunk.size() == 0) {
				return;
			}
			chunk.Flatten();
			each(FlatVector::GetData<int64_t>(chunk.data[0]), FlatVector::Validity(chunk.data[0]), chunk.size(), place);
		}
	}

private:
	ScanOptions options;
	TableScanState state;
	DataChunk chunk;
};

// The ranges of a row group's full vectors, which are read if they are not known.
std::shared_ptr<const Ranges> RangesOf(ColumnData &column, SegmentNode<RowGroup> &node, Reader &reader) {
	auto full = column.HasUpdates() ? 0 : node.GetNode().count / STANDARD_VECTOR_SIZE;
	auto ranges = Recall(column);
	if (ranges && ranges->size() >= full) {
		return ranges;
	}
	auto more = ranges ? std::make_shared<Ranges>(*ranges) : std::make_shared<Ranges>();
	auto first = more->size();
	more->resize(full);
	reader.Read(node, first, full, [&](const int64_t *values, const ValidityMask &valid, idx_t count, idx_t place) {
		auto &range = (*more)[place / STANDARD_VECTOR_SIZE];
		range.ordered = valid.CheckAllValid(count);
		range.dense = range.ordered;
		for (idx_t i = 0; i < count; i++) {
			range.dense = range.dense && uint64_t(values[i]) == uint64_t(values[0]) + i;
			if (valid.RowIsValid(i)) {
				range.ordered = range.ordered && values[i] >= range.greatest;
				range.least = MinValue(range.least, values[i]);
				range.greatest = MaxValue(range.greatest, values[i]);
			}
		}
	});
	Remember(column, more);
	return more;
}

// The places in a row group of the rows with a key that the transaction sees.
std::vector<idx_t> Find(SegmentNode<RowGroup> &node, const StorageIndex &column, const Keys &keys, Reader &reader,
                        DuckTransaction &transaction) {
	auto &group = node.GetNode();
	auto &data = group.GetRawColumnData(column);
	std::vector<idx_t> found;
	auto statistics = data.GetStatistics();
	if (statistics && NumericStats::HasMinMax(*statistics) && !data.HasUpdates()) {
		auto within =
		    keys.Within(NumericStats::GetMin<int64_t>(*statistics), NumericStats::GetMax<int64_t>(*statistics));
		if (within.first == within.second) {
			return found;
		}
	}
	auto ranges = RangesOf(data, node, reader);
	auto vectors = (group.count + STANDARD_VECTOR_SIZE - 1) / STANDARD_VECTOR_SIZE;
	for (idx_t vector = 0; vector < vectors; vector++) {
		Range range {NumericLimits<int64_t>::Minimum(), NumericLimits<int64_t>::Maximum(), false, false};
		if (vector < ranges->size() && !data.HasUpdates()) {
			range = (*ranges)[vector];
		}
		auto within = keys.Within(range.least, range.greatest);
		if (within.first == within.second) {
			continue;
		}
		if (range.dense) {
			for (auto key = within.first; key < within.second; key++) {
				if (key == within.first || *key != key[-1]) {
					found.push_back(vector * STANDARD_VECTOR_SIZE + idx_t(*key - range.least));
				}
			}
			continue;
		}
		reader.Read(node, vector, vector + 1,
		            [&](const int64_t *values, const ValidityMask &valid, idx_t count, idx_t place) {
			            if (range.ordered) {
				            auto at = values;
				            for (auto key = within.first; key < within.second; key++) {
					            at = std::lower_bound(at, values + count, *key);
					            for (; at < values + count && *at == *key; at++) {
						            found.push_back(place + (at - values));
					            }
				            }
				            return;
			            }
			            for (idx_t i = 0; i < count; i++) {
				            if (valid.RowIsValid(i) && values[i] >= *within.first && values[i] <= within.second[-1] &&
				                keys.Has(values[i])) {
					            found.push_back(place + i);
				            }
			            }
		            });
	}
	SelectionVector seen(found.size());
	for (idx_t i = 0; i < found.size(); i++) {
		// Left as it is where all are seen.
		seen.set_index(i, i);
	}
	auto count = found.empty() ? 0 : group.Fetch(TransactionData(transaction), found.data(), found.size(), seen);
	for (idx_t i = 0; i < count; i++) {
		found[i] = found[seen.get_index(i)];
	}
	found.resize(count);
	return found;
}

idx_t Delete(ClientContext &context, DuckTableEntry &entry, const StorageIndex &column, const Keys &keys) {
	auto &table = entry.GetStorage();
	auto &transaction = DuckTransaction::Get(context, table.db);
	// Before it is read: no checkpoint may move the rows.
	MetaTransaction::Get(context).ModifyDatabase(table.db, DatabaseModificationType::DELETE_DATA);
	auto deletion = table.InitializeDelete(entry, context, {});
	Reader reader(context, table, transaction, column);
	DataChunk rows;
	rows.Initialize(Allocator::Get(context), {LogicalType::ROW_TYPE});
	idx_t deleted = 0;
	auto groups = table.GetRowGroupCollection()->GetRowGroups();
	for (auto node = groups->GetRootSegment(); node; node = groups->GetNextSegment(*node)) {
		auto found = Find(*node, column, keys, reader, transaction);
		for (idx_t first = 0; first < found.size(); first += STANDARD_VECTOR_SIZE) {
			auto count = MinValue<idx_t>(found.size() - first, STANDARD_VECTOR_SIZE);
			rows.Reset();
			auto ids = FlatVector::GetDataMutable<row_t>(rows.data[0]);
			for (idx_t i = 0; i < count; i++) {
				ids[i] = row_t(node->GetRowStart() + found[first + i]);
			}
			rows.SetChildCardinality(count);
			deleted += table.Delete(*deletion, context, entry, rows.data[0], count);
		}
	}
	return deleted;
}

} // namespace

extern "C" {

// Deletes the rows of `catalog.schema.table` whose `column` is one of the keys, in the connection's transaction. Returns
// their number, -1 if that is to be left to a statement, or -2 with an error, which the caller frees with duckdb_free.
int64_t lumos_delete_keys(duckdb_connection connection, const char *catalog, const char *schema, const char *table,
                          const char *column, const int64_t *keys, idx_t count, char **error) {
	try {
		auto &context = *reinterpret_cast<Connection *>(connection)->context;
		int64_t deleted = -1;
		context.RunFunctionInTransaction([&]() {
			QualifiedName name {Identifier(catalog), Identifier(schema), Identifier(table)};
			auto &entry = Catalog::GetEntry<TableCatalogEntry>(context, name).Cast<DuckTableEntry>();
			auto &storage = entry.GetStorage();
			auto &key = entry.GetColumns().GetColumn(Identifier(column));
			// What the transaction itself has written lies elsewhere, and indexes want the whole rows.
			if (key.Type() != LogicalType::BIGINT || storage.HasIndexes() ||
			    LocalStorage::Get(context, storage.db).Find(storage)) {
				return;
			}
			deleted = int64_t(Delete(context, entry, StorageIndex(key.StorageOid()), Keys(keys, count)));
		});
		return deleted;
	} catch (std::exception &ex) {
		try {
			auto message = ErrorData(ex).Message();
			*error = static_cast<char *>(duckdb_malloc(message.size() + 1));
			if (*error) {
				memcpy(*error, message.c_str(), message.size() + 1);
			}
		} catch (...) {
			// Without a reason.
		}
		return -2;
	} catch (...) {
		return -2;
	}
}
}
