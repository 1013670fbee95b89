// What a statement of the user's may not do, said by the engine itself: write the mirror, end or change what Lumos has
// set up, open the files of open databases.
//
// - Statements are told apart by DuckDB's types, after DuckDB has read them. No text is looked at.
// - A transaction of DuckDB writes one attached database. One that has begun with the user's own writes no other.
// - Names are looked for in the mirror, in DuckDB itself, then in the user's own database. Nothing that users make
//   stands before either.
// - Files are refused where they are opened, by what they are, whatever they are called.
//
// No exception may leave a function of the C API here: above is Rust.

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_search_path.hpp"
#include "duckdb/catalog/entry_lookup_info.hpp"
#include "duckdb/common/exception.hpp"
#include "duckdb/common/file_opener.hpp"
#include "duckdb/common/local_file_system.hpp"
#include "duckdb/common/memory_mapped_file.hpp"
#include "duckdb/common/string_util.hpp"
#include "duckdb/common/virtual_file_system.hpp"
#include "duckdb/main/attached_database.hpp"
#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/client_data.hpp"
#include "duckdb/parser/parsed_data/alter_table_info.hpp"
#include "duckdb/parser/parsed_data/create_info.hpp"
#include "duckdb/parser/parsed_data/drop_info.hpp"
#include "duckdb/parser/statement/alter_statement.hpp"
#include "duckdb/parser/statement/create_statement.hpp"
#include "duckdb/parser/statement/drop_statement.hpp"
#include "duckdb/parser/statement/explain_statement.hpp"
#include "duckdb/parser/statement/multi_statement.hpp"
#include "duckdb/transaction/meta_transaction.hpp"

#include <atomic>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

using namespace duckdb;

namespace {

// The attached databases: mirrored tables, and what users make.
constexpr const char *MIRROR = "mirror";
constexpr const char *OWN = "own";

//===--------------------------------------------------------------------===//
// Files
//===--------------------------------------------------------------------===//

// What DuckDB, SQLite and Lumos put beside a database's file.
constexpr const char *BESIDE[] = {"",     ".wal", ".wal.checkpoint", ".wal.recovery", ".tmp",
                                  ".lock", "-wal", "-shm",            "-journal"};

// A path without links, also of a file that is not there yet.
string Resolve(const string &path, idx_t links = 0) {
	char real[PATH_MAX];
	if (realpath(path.c_str(), real)) {
		return real;
	}
	auto slash = path.find_last_of('/');
	auto folder = slash == string::npos ? string(".") : slash == 0 ? string("/") : path.substr(0, slash);
	auto name = slash == string::npos ? path : path.substr(slash + 1);
	if (name.empty()) {
		return slash == 0 ? path : Resolve(folder, links);
	}
	// A link that leads to no file makes one there.
	auto size = links < 8 ? readlink(path.c_str(), real, sizeof(real) - 1) : -1;
	if (size > 0) {
		string target(real, idx_t(size));
		return Resolve(target[0] == '/' ? target : folder + "/" + target, links + 1);
	}
	auto resolved = folder == path ? folder : Resolve(folder, links);
	return StringUtil::EndsWith(resolved, "/") ? resolved + name : resolved + "/" + name;
}

bool IsSameFile(const struct stat &a, const string &path) {
	struct stat b;
	return stat(path.c_str(), &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// True for a database's file and what stands beside it.
bool IsOf(const string &path, const string &database) {
	if (!StringUtil::StartsWith(path, database)) {
		return false;
	}
	auto rest = path.substr(database.size());
	for (auto ending : BESIDE) {
		if (rest == ending) {
			return true;
		}
	}
	return StringUtil::StartsWith(rest, ".tmp/") || StringUtil::StartsWith(rest, "-mj");
}

enum class Kind : uint8_t {
	// Of this DuckDB, which alone opens it.
	ATTACHED,
	// Of SQLite.
	HOST,
	// Rows of mirrored tables, which are read and never written.
	COLD
};

// The files of all open mirrors of the process: a descriptor that is closed drops the locks of whoever has the file.
struct Registry {
	std::mutex lock;
	std::map<string, idx_t> databases;
	std::map<string, idx_t> cold;

	static Registry &Get() {
		// Never freed: a mirror may be closed as the process ends.
		static auto registry = new Registry();
		return *registry;
	}
};

class GuardedFileSystem : public LocalFileSystem {
public:
	~GuardedFileSystem() override {
		auto &registry = Registry::Get();
		std::lock_guard<std::mutex> guard(registry.lock);
		for (auto &path : databases) {
			Release(registry.databases, path);
		}
		for (auto &path : cold) {
			Release(registry.cold, path);
		}
	}

	void Add(const string &path, Kind kind) {
		auto &registry = Registry::Get();
		std::lock_guard<std::mutex> guard(registry.lock);
		if (kind == Kind::COLD) {
			if (cold.insert(path).second) {
				registry.cold[path]++;
			}
			return;
		}
		if (kind == Kind::ATTACHED) {
			attached.insert(path);
		}
		auto real = Resolve(path);
		if (databases.insert(real).second) {
			registry.databases[real]++;
		}
	}

	// True for a file that a query may not open, or not change.
	bool Guards(const string &path, bool writes) {
		auto &registry = Registry::Get();
		std::lock_guard<std::mutex> guard(registry.lock);
		if (!writes && cold.count(path) > 0) {
			// What queries read most.
			return false;
		}
		auto real = Resolve(path);
		struct stat status;
		auto exists = stat(path.c_str(), &status) == 0;
		for (auto &entry : registry.databases) {
			auto &database = entry.first;
			if (IsOf(real, database) || (writes && exists && S_ISDIR(status.st_mode) && Holds(real, database))) {
				return true;
			}
			if (!exists || !S_ISREG(status.st_mode)) {
				continue;
			}
			for (auto ending : BESIDE) {
				if (IsSameFile(status, database + ending)) {
					return true;
				}
			}
		}
		if (writes) {
			for (auto &entry : registry.cold) {
				if (entry.first == real || (exists && (IsSameFile(status, entry.first) || Holds(real, entry.first)))) {
					return true;
				}
			}
		}
		return false;
	}

	// The connection that attaches a database, which reads its file for that.
	std::atomic<ClientContext *> attaching {nullptr};

	unique_ptr<FileHandle> OpenFile(const string &path, FileOpenFlags flags,
	                                optional_ptr<FileOpener> opener) override {
		Check(path, flags.OpenForWriting(), opener);
		return LocalFileSystem::OpenFile(path, flags, opener);
	}

	unique_ptr<MemoryMappedFile> MemoryMapFile(const OpenFileInfo &path, FileOpenFlags flags,
	                                           const MMapOptions &options, optional_ptr<FileOpener> opener) override {
		Check(path.path, flags.OpenForWriting(), opener);
		return LocalFileSystem::MemoryMapFile(path, flags, options, opener);
	}

	void CreateDirectory(const string &path, optional_ptr<FileOpener> opener) override {
		Check(path, true, opener);
		LocalFileSystem::CreateDirectory(path, opener);
	}

	bool CreateDirectoryExtended(const string &path, const CreateDirectoryOptions &options,
	                             optional_ptr<FileOpener> opener) override {
		// One that is there stays as it is.
		if (!LocalFileSystem::DirectoryExists(path, opener)) {
			Check(path, true, opener);
		}
		return LocalFileSystem::CreateDirectoryExtended(path, options, opener);
	}

	void RemoveDirectory(const string &path, optional_ptr<FileOpener> opener) override {
		Check(path, true, opener);
		LocalFileSystem::RemoveDirectory(path, opener);
	}

	bool RemoveDirectoryExtended(const string &path, const RemoveDirectoryOptions &options,
	                             optional_ptr<FileOpener> opener) override {
		Check(path, true, opener);
		return LocalFileSystem::RemoveDirectoryExtended(path, options, opener);
	}

	void MoveFile(const string &source, const string &target, optional_ptr<FileOpener> opener) override {
		Check(source, true, opener);
		Check(target, true, opener);
		LocalFileSystem::MoveFile(source, target, opener);
	}

	void RemoveFile(const string &path, optional_ptr<FileOpener> opener) override {
		Check(path, true, opener);
		LocalFileSystem::RemoveFile(path, opener);
	}

private:
	static void Release(std::map<string, idx_t> &counts, const string &path) {
		auto entry = counts.find(path);
		if (entry != counts.end() && --entry->second == 0) {
			counts.erase(entry);
		}
	}

	static bool Holds(const string &folder, const string &path) {
		return StringUtil::StartsWith(path, StringUtil::EndsWith(folder, "/") ? folder : folder + "/");
	}

	// True for DuckDB itself at work on a database that is attached here: it has no query, and no other name for it.
	bool IsEngine(const string &path, optional_ptr<ClientContext> context) {
		if (context) {
			return context.get() == attaching.load(std::memory_order_acquire);
		}
		std::lock_guard<std::mutex> guard(Registry::Get().lock);
		for (auto &database : attached) {
			if (IsOf(path, database)) {
				return true;
			}
		}
		return false;
	}

	void Check(const string &path, bool writes, optional_ptr<FileOpener> opener) {
		if (IsEngine(path, FileOpener::TryGetClientContext(opener))) {
			return;
		}
		if (Guards(ExpandPath(path, opener), writes)) {
			throw PermissionException("the file \"%s\" belongs to an open database or a mirrored table; give another path",
			                          path);
		}
	}

	std::set<string> databases;
	std::set<string> attached;
	std::set<string> cold;

public:
	using LocalFileSystem::ExpandPath;
};

GuardedFileSystem &Files(DatabaseInstance &db) {
	auto &files = static_cast<VirtualFileSystem &>(*db.config.file_system);
	return static_cast<GuardedFileSystem &>(files.GetDefaultFileSystem());
}

DatabaseInstance &Instance(duckdb_database database) {
	return *reinterpret_cast<DatabaseWrapper *>(database)->database->instance;
}

ClientContext &Context(duckdb_connection connection) {
	return *reinterpret_cast<Connection *>(connection)->context;
}

//===--------------------------------------------------------------------===//
// Statements
//===--------------------------------------------------------------------===//

// Who sends a statement.
enum class Door : uint8_t {
	// lumos_query and its kin.
	QUERY,
	// lumos_exec.
	EXEC
};

class Gate {
public:
	Gate(ClientContext &context, Door door) : context(context), door(door) {
	}

	// Throws for a statement that this door does not take. Puts what is made without a database's name into the user's.
	void Pass(SQLStatement &statement, bool of_several = false) {
		switch (statement.type) {
		case StatementType::SELECT_STATEMENT:
			return;
		case StatementType::EXPLAIN_STATEMENT:
			// EXPLAIN ANALYZE runs what it explains.
			return Pass(*statement.Cast<ExplainStatement>().stmt);
		case StatementType::MULTI_STATEMENT:
			for (auto &one : statement.Cast<MultiStatement>().statements) {
				Pass(*one, true);
			}
			return;
		case StatementType::CREATE_STATEMENT:
			return PassCreate(*statement.Cast<CreateStatement>().info, of_several);
		default:
			break;
		}
		if (door == Door::QUERY) {
			throw InvalidInputException(
			    "takes a SELECT, and this statement is none; change tables in SQLite, the mirror follows");
		}
		writes = true;
		switch (statement.type) {
		case StatementType::INSERT_STATEMENT:
		case StatementType::UPDATE_STATEMENT:
		case StatementType::DELETE_STATEMENT:
		case StatementType::MERGE_INTO_STATEMENT:
		case StatementType::COPY_STATEMENT:
		case StatementType::ANALYZE_STATEMENT:
		case StatementType::VACUUM_STATEMENT:
			return;
		case StatementType::DROP_STATEMENT:
			return PassDrop(*statement.Cast<DropStatement>().info);
		case StatementType::ALTER_STATEMENT:
			return PassAlter(*statement.Cast<AlterStatement>().info);
		default:
			throw InvalidInputException("takes no %s statement; it takes SELECT, and what changes tables, views, macros, "
			                            "types and sequences of your own",
			                            Words(StatementTypeToString(statement.type)));
		}
	}

	bool writes = false;

private:
	static string Words(const string &name) {
		return StringUtil::Replace(name, "_", " ");
	}

	void PassCreate(CreateInfo &info, bool of_several) {
		// PIVOT makes the type of its columns first.
		if (of_several && info.temporary && info.type == CatalogType::TYPE_ENTRY) {
			return;
		}
		if (door == Door::QUERY) {
			throw InvalidInputException(
			    "takes a SELECT, and this statement is none; change tables in SQLite, the mirror follows");
		}
		writes = true;
		switch (info.type) {
		case CatalogType::TABLE_ENTRY:
		case CatalogType::VIEW_ENTRY:
		case CatalogType::SCHEMA_ENTRY:
		case CatalogType::SEQUENCE_ENTRY:
		case CatalogType::TYPE_ENTRY:
		case CatalogType::MACRO_ENTRY:
		case CatalogType::TABLE_MACRO_ENTRY:
			break;
		case CatalogType::INDEX_ENTRY:
			// It stands where its table does.
			return;
		default:
			throw InvalidInputException("makes no %s; it makes tables, views, macros, types, sequences, indexes and "
			                            "schemas of your own",
			                            StringUtil::Lower(CatalogTypeToString(info.type)));
		}
		auto path = info.GetQualifiedName().Path();
		if (info.temporary || (path.size() > 1 && path[0] == TEMP_CATALOG)) {
			throw InvalidInputException("what is temporary would be gone when the call ends; leave TEMPORARY out");
		}
		// The last name is that of what is made; a schema's is followed by an empty one.
		auto name = path.size() - (info.type == CatalogType::SCHEMA_ENTRY ? 2 : 1);
		if (name == 0 || (name == 1 && !IsDatabase(path[0]))) {
			path.insert(path.begin(), Identifier(OWN));
			name++;
			if (name == 1 && info.type != CatalogType::SCHEMA_ENTRY) {
				path.insert(path.begin() + 1, Identifier::DefaultSchema());
				name++;
			}
			info.SetQualifiedName(QualifiedName::FromPath(path));
		}
		if (path[0] == OWN) {
			CheckName(info.type, path[name - 1], path[name]);
		}
	}

	void PassDrop(DropInfo &info) {
		if (info.type == CatalogType::SECRET_ENTRY || info.type == CatalogType::PREPARED_STATEMENT) {
			throw InvalidInputException("drops no %s", Words(StringUtil::Lower(CatalogTypeToString(info.type))));
		}
		// Others are looked for.
		if (info.type == CatalogType::SCHEMA_ENTRY && info.GetQualifiedName().Path().size() == 1) {
			info.SetQualifiedName(QualifiedName::FromPath({Identifier(OWN), info.GetQualifiedName().Name()}));
		}
	}

	void PassAlter(AlterInfo &info) {
		if (info.type == AlterType::ALTER_DATABASE) {
			throw InvalidInputException("takes no ALTER DATABASE");
		}
		auto &name = info.GetQualifiedName();
		if (info.type == AlterType::ALTER_TABLE &&
		    info.Cast<AlterTableInfo>().alter_table_type == AlterTableType::RENAME_TABLE) {
			CheckName(CatalogType::TABLE_ENTRY, name.Schema(), info.Cast<RenameTableInfo>().new_table_name);
		}
		if (info.type == AlterType::ALTER_VIEW &&
		    info.Cast<AlterViewInfo>().alter_view_type == AlterViewType::RENAME_VIEW) {
			CheckName(CatalogType::VIEW_ENTRY, name.Schema(), info.Cast<RenameViewInfo>().new_view_name);
		}
	}

	bool IsDatabase(const Identifier &name) {
		return !!Catalog::GetCatalogEntry(context, name);
	}

	// Throws for a name of the user's that means something else already, which would be found first.
	void CheckName(CatalogType type, const Identifier &schema, const Identifier &name) {
		if (type == CatalogType::SCHEMA_ENTRY) {
			for (auto taken : {MIRROR, OWN, "system", "temp", "memory", "information_schema", "pg_catalog"}) {
				if (name == taken) {
					throw InvalidInputException("the name \"%s\" is DuckDB's or Lumos' own; give the schema another",
					                            name.GetIdentifierName());
				}
			}
			if (name.StartsWith("_lumos")) {
				throw InvalidInputException("names that begin with _lumos are Lumos' own; give the schema another");
			}
			return;
		}
		// One in a schema is found under its name alone.
		if (!schema.empty() && schema != DEFAULT_SCHEMA && schema != OWN) {
			return;
		}
		if (type == CatalogType::VIEW_ENTRY) {
			type = CatalogType::TABLE_ENTRY;
		} else if (type == CatalogType::MACRO_ENTRY) {
			type = CatalogType::SCALAR_FUNCTION_ENTRY;
		} else if (type == CatalogType::TABLE_MACRO_ENTRY) {
			type = CatalogType::TABLE_FUNCTION_ENTRY;
		}
		if (Exists(type, MIRROR, name)) {
			throw InvalidInputException("the name \"%s\" is that of a mirrored table, which is found first; give another",
			                            name.GetIdentifierName());
		}
		if (type != CatalogType::SEQUENCE_ENTRY && Exists(type, SYSTEM_CATALOG, name)) {
			throw InvalidInputException("the name \"%s\" is DuckDB's or Lumos' own, which is found first; give another",
			                            name.GetIdentifierName());
		}
	}

	bool Exists(CatalogType type, const char *catalog, const Identifier &name) {
		EntryLookupInfo lookup(type, QualifiedName(Identifier(catalog), Identifier::DefaultSchema(), name));
		try {
			return !!Catalog::GetEntry(context, lookup, OnEntryNotFound::RETURN_NULL);
		} catch (CatalogException &) {
			// It is there, and something else: an aggregate, a macro.
			return true;
		}
	}

	ClientContext &context;
	Door door;
};

// The text of what is being thrown; the caller frees it.
char *Message(std::exception &e) {
	try {
		return strdup(ErrorData(e).RawMessage().c_str());
	} catch (...) {
		// Memory is short.
		return strdup("");
	}
}

} // namespace

extern "C" {

// Before a database is opened with this configuration: its files are guarded. False without memory.
bool lumos_guard_files(duckdb_config config) {
	try {
		reinterpret_cast<DBConfig *>(config)->file_system = make_uniq<VirtualFileSystem>(make_uniq<GuardedFileSystem>());
		return true;
	} catch (...) {
		return false;
	}
}

// Guards another file: 1 for a database of SQLite, 2 for rows of a mirrored table, without links. False without memory.
bool lumos_guard_file(duckdb_database database, const char *path, uint8_t kind) {
	try {
		Files(Instance(database)).Add(path, Kind(kind));
		return true;
	} catch (...) {
		return false;
	}
}

// True for a file that only the engine opens, or that only it changes.
bool lumos_guards_file(duckdb_database database, const char *path, bool writes) {
	try {
		return Files(Instance(database)).Guards(path, writes);
	} catch (...) {
		return true;
	}
}

// Attaches the database whose file this is, by this statement, and guards the file. Returns null, or what is wrong,
// which the caller frees.
char *lumos_attach_file(duckdb_connection connection, const char *path, const char *sql) {
	try {
		auto &context = Context(connection);
		auto &db = *context.db;
		auto &files = Files(db);
		files.Add(path, Kind::ATTACHED);
		db.config.AddAllowedDatabasePath(path);
		struct Attaching {
			explicit Attaching(GuardedFileSystem &files, ClientContext &context) : files(files) {
				files.attaching.store(&context, std::memory_order_release);
			}
			~Attaching() {
				files.attaching.store(nullptr, std::memory_order_release);
			}
			GuardedFileSystem &files;
		} attaching(files, context);
		auto result = context.Query(sql, QueryParameters());
		return result->HasError() ? strdup(result->GetError().c_str()) : nullptr;
	} catch (std::exception &e) {
		return Message(e);
	} catch (...) {
		return strdup("");
	}
}

// Where the connection looks for names: in the mirror, in DuckDB itself, and, if it is attached, in the user's own
// database. A schema is looked for in this order too. False without memory.
bool lumos_set_search_path(duckdb_connection connection, bool own) {
	try {
		auto &context = Context(connection);
		vector<CatalogSearchEntry> entries;
		entries.emplace_back(Identifier(MIRROR), Identifier::DefaultSchema());
		entries.emplace_back(Identifier::SystemCatalog(), Identifier::DefaultSchema());
		if (own) {
			entries.emplace_back(Identifier(OWN), Identifier::DefaultSchema());
		}
		entries.emplace_back(Identifier(MIRROR), Identifier::InvalidSchema());
		if (own) {
			entries.emplace_back(Identifier(OWN), Identifier::InvalidSchema());
		}
		ClientData::Get(context).catalog_search_path = make_uniq<CatalogSearchPath>(context, std::move(entries));
		return true;
	} catch (...) {
		return false;
	}
}

// Begins to write the user's own database in the open transaction, which from then on writes no other. Returns null, or
// what is wrong, which the caller frees.
char *lumos_write_own(duckdb_connection connection) {
	try {
		auto &context = Context(connection);
		context.RunFunctionInTransaction([&] {
			auto &own = Catalog::GetCatalog(context, Identifier(OWN)).GetAttached();
			MetaTransaction::Get(context).ModifyDatabase(own, DatabaseModificationType());
		});
		return nullptr;
	} catch (std::exception &e) {
		return Message(e);
	} catch (...) {
		return strdup("");
	}
}

// Lets the statement at index 0 through a door, 0 for queries, 1 for lumos_exec, and says whether it may write.
// Returns null, or why not, which the caller frees.
char *lumos_pass(duckdb_connection connection, duckdb_extracted_statements extracted, uint8_t door, bool *writes) {
	try {
		auto &context = Context(connection);
		auto &statement = *reinterpret_cast<ExtractStatementsWrapper *>(extracted)->statements[0];
		Gate gate(context, Door(door));
		// The common case needs no names.
		if (statement.type == StatementType::SELECT_STATEMENT || door == uint8_t(Door::QUERY)) {
			gate.Pass(statement);
		} else {
			context.RunFunctionInTransaction([&] { gate.Pass(statement); });
		}
		*writes = gate.writes;
		return nullptr;
	} catch (std::exception &e) {
		return Message(e);
	} catch (...) {
		return strdup("");
	}
}
}
