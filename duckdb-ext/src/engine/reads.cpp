// What a statement reads, as its bound plan has it: before subqueries are joined, before anything is optimized away,
// and before anything runs.
//
// A view of a mirrored table names all of the table's columns. What a query reads of them is what it names of the
// view, so a projection right above a table of rows is looked through: each of its columns stands for what it is made
// of, and counts once something else names it. Whatever hands columns on by their position counts as naming them all.
//
// No exception may leave a function here, other than through DuckDB's planner, which catches it.

#include "c_api.hpp"
#include "scans.hpp"

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/common/multi_file/multi_file_states.hpp"
#include "duckdb/function/lambda_functions.hpp"
#include "duckdb/main/client_context_state.hpp"
#include "duckdb/planner/column_binding_map.hpp"
#include "duckdb/planner/expression/list.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "duckdb/planner/logical_operator_visitor.hpp"
#include "duckdb/planner/operator/list.hpp"
#include "duckdb/planner/planner_extension.hpp"

#include <map>

using namespace duckdb;
using namespace lumos;

extern "C" {

// A table with the columns that are read of it. A file has a path as its name, and no catalog.
struct lumos_read {
	const char *catalog;
	const char *schema;
	const char *name;
	// Those that are needed for more than their names come first.
	const char *const *columns;
	size_t column_count;
	size_t needed_count;
};

struct lumos_reads {
	const lumos_read *reads;
	size_t count;
	// The same data give the same result.
	bool steady;
	// Something is read that the plan does not show.
	bool opaque;
};

// False ends the statement.
typedef bool (*lumos_look)(void *data, const lumos_reads *reads);
}

namespace {

constexpr const char *KEY = "lumos_reads";

// Who looks at the plans of a connection; nobody, mostly.
class Watch : public ClientContextState {
public:
	lumos_look look = nullptr;
	void *data = nullptr;
};

class Reader {
public:
	// `once`: the binder found something that holds for this query alone, a clock for one.
	void Read(LogicalOperator &plan, bool once) {
		steady = !once;
		FindRefs(plan);
		Visit(plan, true);
		for (auto &rows : looked_through) {
			for (auto get : rows.gets) {
				AddGet(*get, {}, true);
			}
			for (idx_t i = 0; i < rows.bindings.size(); i++) {
				auto entry = named.find(rows.bindings[i]);
				if (entry == named.end()) {
					continue;
				}
				for (auto &column : rows.columns[i]) {
					AddGet(*column.get, {column.name}, entry->second);
				}
			}
		}
	}

	bool Tell(const Watch &watch) {
		// Each scan is one: of two scans of a table, one may need no column.
		vector<vector<const char *>> names;
		vector<lumos_read> list;
		names.reserve(reads.size());
		for (auto &entry : reads) {
			auto &read = entry.second;
			names.emplace_back();
			for (bool needed : {true, false}) {
				for (auto &column : read.columns) {
					if (column.second == needed) {
						names.back().push_back(column.first.c_str());
					}
				}
			}
			lumos_read told;
			told.catalog = read.catalog.c_str();
			told.schema = read.schema.c_str();
			told.name = read.name.c_str();
			told.columns = names.back().data();
			told.column_count = names.back().size();
			told.needed_count = 0;
			for (auto &column : read.columns) {
				told.needed_count += column.second;
			}
			list.push_back(told);
		}
		lumos_reads told;
		told.reads = list.data();
		told.count = list.size();
		told.steady = steady;
		told.opaque = opaque;
		return watch.look(watch.data, &told);
	}

private:
	struct OneRead {
		string catalog;
		string schema;
		string name;
		// Whether they are needed for more than their names.
		std::map<string, bool> columns;
	};

	// By the scan, and by the file of it.
	std::map<std::pair<LogicalGet *, string>, OneRead> reads;
	vector<Rows> looked_through;
	// The columns that something names, and whether what names them is needed itself.
	column_binding_map_t<bool> named;
	// What reads each CTE.
	std::map<idx_t, vector<LogicalCTERef *>> cte_refs;
	bool steady = true;
	bool opaque = false;

	void AddGet(LogicalGet &get, const vector<string> &columns, bool needed) {
		if (ReadsCatalog(get)) {
			steady = false;
			for (auto &name : columns) {
				// The text of the view in the place of a table that failed tells a value of it.
				opaque = opaque || name == "estimated_size" || name == "sql";
			}
			return;
		}
		auto table = get.GetTable();
		if (table) {
			Add(get, table->ParentCatalog().GetName().GetIdentifierName(), SchemaOf(*table),
			    table->name.GetIdentifierName(), columns, needed);
			return;
		}
		auto data = dynamic_cast<MultiFileBindData *>(get.bind_data.get());
		if (!data || !data->file_list) {
			opaque = true;
			return;
		}
		for (auto &file : data->file_list->GetAllFiles()) {
			Add(get, "", "", file.path, columns, needed);
		}
	}

	void Add(LogicalGet &get, const string &catalog, const string &schema, const string &name,
	         const vector<string> &columns, bool needed) {
		auto &read = reads[std::make_pair(&get, name)];
		read.catalog = catalog;
		read.schema = schema;
		read.name = name;
		for (auto &column : columns) {
			auto &known = read.columns[column];
			known = known || needed;
		}
	}

	static LogicalOperator *PlanOf(const Expression &expression) {
		if (expression.GetExpressionClass() != ExpressionClass::BOUND_SUBQUERY) {
			return nullptr;
		}
		return expression.Cast<BoundSubqueryExpression>().Subquery().plan.get();
	}

	void FindRefs(const Expression &expression) {
		if (auto plan = PlanOf(expression)) {
			FindRefs(*plan);
		}
		ExpressionIterator::EnumerateChildren(expression, [&](const Expression &child) { FindRefs(child); });
	}

	void FindRefs(LogicalOperator &op) {
		LogicalOperatorVisitor::EnumerateExpressions(
		    op, [&](unique_ptr<Expression> *expression) { FindRefs(**expression); });
		if (op.type == LogicalOperatorType::LOGICAL_CTE_REF) {
			auto &ref = op.Cast<LogicalCTERef>();
			cte_refs[ref.cte_index.index].push_back(&ref);
		}
		for (auto &child : op.children) {
			FindRefs(*child);
		}
	}

	void NeedAll(const vector<ColumnBinding> &bindings) {
		for (auto &binding : bindings) {
			named[binding] = true;
		}
	}

	// What reads a CTE stands in the part that it is for, so that part comes first.
	void VisitCTE(LogicalMaterializedCTE &cte, bool open) {
		Visit(*cte.children[1], open);
		auto &refs = cte_refs[cte.table_index.index];
		if (refs.empty()) {
			// SQLite does not look into it either.
			steady = false;
			return;
		}
		auto own = cte.children[0]->GetColumnBindings();
		for (auto ref : refs) {
			auto read = ref->GetColumnBindings();
			for (idx_t i = 0; i < own.size() && i < read.size(); i++) {
				auto entry = named.find(read[i]);
				if (entry != named.end()) {
					auto &known = named[own[i]];
					known = known || entry->second;
				}
			}
		}
		Visit(*cte.children[0], false);
	}

	// True for the top of a view of Lumos's, or of one that DuckDB has over what its catalog functions give.
	bool IsView(LogicalOperator &op, Rows &rows) {
		if (op.type == LogicalOperatorType::LOGICAL_PROJECTION) {
			auto child = op.children[0].get();
			auto filter = child->type == LogicalOperatorType::LOGICAL_FILTER ? child : nullptr;
			child = filter ? child->children[0].get() : child;
			if (child->type != LogicalOperatorType::LOGICAL_GET) {
				return false;
			}
			auto &get = child->Cast<LogicalGet>();
			if (!(filter ? ReadsCatalog(get) : HasRows(get) || ReadsCatalog(get)) || !Through(op, rows)) {
				return false;
			}
			if (filter) {
				LogicalOperatorVisitor::EnumerateExpressions(
				    *filter, [&](unique_ptr<Expression> *expression) { Name(**expression, true); });
				// What tests the columns names them, below the projection.
				looked_through.push_back(Rows {get.GetColumnBindings(), ColumnsOf(get), {}});
			}
			return true;
		}
		if (op.type != LogicalOperatorType::LOGICAL_UNION || !op.Cast<LogicalSetOperation>().setop_all ||
		    !Through(op, rows)) {
			return false;
		}
		return op.children.size() == 2 && rows.gets.size() == 2 && HasRows(*rows.gets[0]) && IsParquet(*rows.gets[1]);
	}

	// `open`: what is above takes the columns by their position.
	void Visit(LogicalOperator &op, bool open) {
		Rows rows;
		if (IsView(op, rows)) {
			CheckFunctions(op);
			if (open) {
				NeedAll(rows.bindings);
			}
			looked_through.push_back(std::move(rows));
			return;
		}
		bool children_open = true;
		switch (op.type) {
		case LogicalOperatorType::LOGICAL_PROJECTION:
		case LogicalOperatorType::LOGICAL_AGGREGATE_AND_GROUP_BY:
			children_open = false;
			break;
		case LogicalOperatorType::LOGICAL_SAMPLE:
			steady = false;
			children_open = open;
			break;
		case LogicalOperatorType::LOGICAL_FILTER:
		case LogicalOperatorType::LOGICAL_WINDOW:
		case LogicalOperatorType::LOGICAL_UNNEST:
		case LogicalOperatorType::LOGICAL_LIMIT:
		case LogicalOperatorType::LOGICAL_ORDER_BY:
		case LogicalOperatorType::LOGICAL_TOP_N:
		case LogicalOperatorType::LOGICAL_DISTINCT:
		case LogicalOperatorType::LOGICAL_JOIN:
		case LogicalOperatorType::LOGICAL_DELIM_JOIN:
		case LogicalOperatorType::LOGICAL_COMPARISON_JOIN:
		case LogicalOperatorType::LOGICAL_ANY_JOIN:
		case LogicalOperatorType::LOGICAL_CROSS_PRODUCT:
		case LogicalOperatorType::LOGICAL_POSITIONAL_JOIN:
		case LogicalOperatorType::LOGICAL_ASOF_JOIN:
		case LogicalOperatorType::LOGICAL_DEPENDENT_JOIN:
			children_open = open;
			break;
		case LogicalOperatorType::LOGICAL_DELIM_GET:
		case LogicalOperatorType::LOGICAL_EXPRESSION_GET:
		case LogicalOperatorType::LOGICAL_DUMMY_SCAN:
		case LogicalOperatorType::LOGICAL_EMPTY_RESULT:
		case LogicalOperatorType::LOGICAL_EXCEPT:
		case LogicalOperatorType::LOGICAL_INTERSECT:
		case LogicalOperatorType::LOGICAL_RECURSIVE_CTE:
		case LogicalOperatorType::LOGICAL_UNION:
			break;
		case LogicalOperatorType::LOGICAL_CTE_REF:
			if (open) {
				NeedAll(op.GetColumnBindings());
			}
			break;
		case LogicalOperatorType::LOGICAL_MATERIALIZED_CTE:
			VisitCTE(op.Cast<LogicalMaterializedCTE>(), open);
			return;
		case LogicalOperatorType::LOGICAL_GET:
			Scan(op.Cast<LogicalGet>());
			break;
		case LogicalOperatorType::LOGICAL_COPY_DATABASE:
		case LogicalOperatorType::LOGICAL_EXECUTE:
		case LogicalOperatorType::LOGICAL_EXPORT:
		case LogicalOperatorType::LOGICAL_EXTENSION_OPERATOR:
		case LogicalOperatorType::LOGICAL_EXTERNAL_RESOURCE:
		case LogicalOperatorType::LOGICAL_INVALID:
			opaque = true;
			steady = false;
			break;
		default:
			// What is no query.
			steady = false;
			break;
		}
		if (op.type == LogicalOperatorType::LOGICAL_PROJECTION) {
			// Whatever needs a column of it stands above.
			auto bindings = op.GetColumnBindings();
			for (idx_t i = 0; i < op.expressions.size(); i++) {
				auto entry = named.find(bindings[i]);
				Name(*op.expressions[i], open || (entry != named.end() && entry->second));
			}
		} else {
			LogicalOperatorVisitor::EnumerateExpressions(
			    op, [&](unique_ptr<Expression> *expression) { Name(**expression, true); });
		}
		// The right side of a join may name what the left side has.
		for (idx_t i = op.children.size(); i > 0; i--) {
			Visit(*op.children[i - 1], children_open);
		}
	}

	void Scan(LogicalGet &get) {
		vector<string> columns;
		for (auto &column : ColumnsOf(get)) {
			for (auto &part : column) {
				columns.push_back(part.name);
			}
		}
		if (get.GetTable()) {
			AddGet(get, columns, true);
			return;
		}
		auto source = SourceOf(get);
		if (!source) {
			steady = false;
			opaque = true;
			return;
		}
		switch (*source) {
		case Source::ARGUMENTS:
			break;
		case Source::CATALOG:
		case Source::FILES:
			steady = false;
			AddGet(get, columns, true);
			break;
		}
	}

	// Names all columns in an expression.
	void Name(const Expression &expression, bool needed) {
		Check(expression);
		if (expression.GetExpressionClass() == ExpressionClass::BOUND_COLUMN_REF) {
			auto &known = named[expression.Cast<BoundColumnRefExpression>().Binding()];
			known = known || needed;
		}
		if (auto plan = PlanOf(expression)) {
			Visit(*plan, needed);
		}
		ExpressionIterator::EnumerateChildren(expression, [&](const Expression &child) { Name(child, needed); });
	}

	void CheckFunctions(LogicalOperator &op) {
		LogicalOperatorVisitor::EnumerateExpressions(
		    op, [&](unique_ptr<Expression> *expression) { CheckAll(**expression); });
		for (auto &child : op.children) {
			CheckFunctions(*child);
		}
	}

	void CheckAll(const Expression &expression) {
		Check(expression);
		if (PlanOf(expression)) {
			opaque = true;
		}
		ExpressionIterator::EnumerateChildren(expression, [&](const Expression &child) { CheckAll(child); });
	}

	// Whether the expression itself gives the same for the same.
	void Check(const Expression &expression) {
		switch (expression.GetExpressionClass()) {
		case ExpressionClass::BOUND_FUNCTION: {
			auto &call = expression.Cast<BoundFunctionExpression>();
			// What a model answers is not the same for ever.
			bool asks = call.Function().GetName() == "lumos_embed" && call.GetChildren().size() > 1;
			// DuckDB calls it consistent, although with one argument it counts from today.
			bool today = call.Function().GetName() == "age" && call.GetChildren().size() == 1;
			steady = steady && !asks && !today && call.Function().GetStability() == FunctionStability::CONSISTENT;
			auto lambda = dynamic_cast<const LambdaFunctionData *>(call.BindInfo().get());
			auto body = lambda ? lambda->GetLambdaExpression() : nullptr;
			if (body) {
				CheckAll(*body);
			}
			break;
		}
		case ExpressionClass::BOUND_LAMBDA:
			if (expression.Cast<BoundLambdaExpression>().LambdaExpr()) {
				CheckAll(*expression.Cast<BoundLambdaExpression>().LambdaExpr());
			}
			break;
		case ExpressionClass::BOUND_AGGREGATE: {
			auto &call = expression.Cast<BoundAggregateExpression>();
			steady = steady && call.Function().GetStability() == FunctionStability::CONSISTENT;
			break;
		}
		case ExpressionClass::BOUND_WINDOW: {
			auto &call = expression.Cast<BoundWindowExpression>();
			if (call.AggregateFunction()) {
				steady = steady && call.AggregateFunction()->GetStability() == FunctionStability::CONSISTENT;
			}
			if (call.WindowFunction()) {
				steady = steady && call.WindowFunction()->GetStability() == FunctionStability::CONSISTENT;
			}
			break;
		}
		default:
			break;
		}
	}
};

void Look(PlannerExtensionInput &input, BoundStatement &statement) {
	auto watch = input.context.registered_state->Get<Watch>(KEY);
	if (!watch || !watch->look) {
		return;
	}
	Reader reader;
	reader.Read(*statement.plan, input.binder.GetStatementProperties().always_require_rebind);
	if (!reader.Tell(*watch)) {
		throw PermissionException("the statement may not read what it reads");
	}
}

} // namespace

extern "C" {

// Has the plans of a database looked at, where a connection is watched. False without memory.
bool lumos_watchable(duckdb_database database) {
	try {
		auto &instance = Instance(database);
		PlannerExtension extension;
		extension.post_bind_function = Look;
		PlannerExtension::Register(DBConfig::GetConfig(instance), extension);
		return true;
	} catch (...) {
		return false;
	}
}

// From here on `look` is asked before a statement of this connection runs; nobody, if it is null. False without memory.
bool lumos_watch(duckdb_connection connection, lumos_look look, void *data) {
	try {
		auto &context = Context(connection);
		auto watch = look ? context.registered_state->GetOrCreate<Watch>(KEY)
		                  : context.registered_state->Get<Watch>(KEY);
		if (watch) {
			watch->look = look;
			watch->data = data;
		}
		return true;
	} catch (...) {
		return false;
	}
}
}
