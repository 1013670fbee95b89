// What a statement of the user's may not do, said by the engine itself: write the mirror, end or change what Lumos has
// set up.
//
// - Statements are told apart by DuckDB's types, after DuckDB has read them. No text is looked at.
// - A transaction of DuckDB writes one attached database. One that has begun with the user's own writes no other.
// - Names are looked for in the mirror, in DuckDB itself, then in the user's own database. Nothing that users make
//   stands before either.
//
// No exception may leave a function of the C API here: above is Rust.

#include "c_api.hpp"

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_search_path.hpp"
#include "duckdb/catalog/entry_lookup_info.hpp"
#include "duckdb/common/exception.hpp"
#include "duckdb/common/string_util.hpp"
#include "duckdb/main/attached_database.hpp"
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

using namespace duckdb;
using namespace lumos;

namespace {

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

} // namespace

extern "C" {

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
