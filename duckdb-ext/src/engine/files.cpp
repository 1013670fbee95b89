// The files of open databases, which nothing that users write may open: refused where they are opened, by what they
// are, whatever they are called.
//
// No exception may leave a function of the C API here: above is Rust.

#include "c_api.hpp"

#include "duckdb/common/exception.hpp"
#include "duckdb/common/file_opener.hpp"
#include "duckdb/common/local_file_system.hpp"
#include "duckdb/common/memory_mapped_file.hpp"
#include "duckdb/common/string_util.hpp"
#include "duckdb/common/virtual_file_system.hpp"

#include <atomic>
#include <climits>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

using namespace duckdb;
using namespace lumos;

namespace {

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
}
