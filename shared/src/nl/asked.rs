//! Questions in DuckDB: a statement that holds the readings of a question, runs the likely ones in the caller's transaction
//! and answers with one of them, if the catalog is still the one that they were made of.

mod fold;

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::answer::{Considered, LOW, Outcome, Reading, too_unsure};
use super::asking::*;
use super::catalog::{Catalog, ColumnRef};
use super::ir::{Compare, Expr, Literal, Query, Right};
use super::learn::{DATABASE, Knowledge, Learned, hex};
use super::link::Vocabulary;
use super::links::links;
use super::model;
use super::print::Dialect;
use super::reader::Reader;
use super::seen::{ANSWER, CATALOG, INPUT, MISSING};
use super::session::{self, SESSION, Sessions};
use super::suggest::{COMPLETIONS, QUESTIONS, completions, suggested};
use super::taught;
use super::tier::log::{Entry, Log};
use super::tier::pool::{self, Pool};
use super::tier::prompt::{Asked as Question, Prompt};
use super::tier::vote;
use super::tier::{Means, Passed, insists, wanted};
use crate::gate::duckdb;
use crate::gate::policy::Policy;
use crate::gate::scratch;
use crate::memory::moment;
use crate::options::{OptionDef, Options};
use crate::program::{Fold, Kept};
use crate::server::never;
use crate::sql::lexer::{self, tokens};
use crate::sql::{identifier, literal};
use crate::words::Lang;
use crate::{Error, Result, Type, ValueRef};
use fold::{ASKS, Asked, LISTS, PARSES, TELLS, WRITES};

/// The fold of `lumos_ask`.
pub const ASK: Fold = Fold::new::<Asked<ASKS>>("ask", INPUT, ASK_COLUMNS);

/// The fold of `lumos_to_sql`.
pub const TO_SQL: Fold = Fold::new::<Asked<WRITES>>("to_sql", INPUT, &[("sql", Type::Text)]);

/// The fold of `lumos_parse`.
pub const PARSE: Fold = Fold::new::<Asked<PARSES>>("parse", INPUT, PARSE_COLUMNS);

/// The fold of `lumos_link`.
pub const LINK: Fold = Fold::new::<Asked<LISTS>>("link", INPUT, LINK_COLUMNS);

/// The fold of `lumos_narrate`.
pub const NARRATE: Fold = Fold::new::<Asked<TELLS>>("narrate", INPUT, NARRATE_COLUMNS);

/// The fold of `lumos_autocomplete`.
pub const AUTOCOMPLETE: Fold = Fold::new::<Asked<LISTS>>("autocomplete", INPUT, COMPLETIONS);

/// The fold of `lumos_suggest_questions`.
pub const SUGGEST: Fold = Fold::new::<Asked<LISTS>>("suggest_questions", INPUT, QUESTIONS);

/// The fold of `lumos_learned`.
pub const LEARNED: Fold = Fold::new::<Asked<LISTS>>("learned", INPUT, taught::COLUMNS);

/// The arguments of a call.
struct Call<'a> {
    question: &'a str,
    options: Options,
    policy: Policy,
    learned: Arc<Learned>,
    now: Option<i64>,
    /// The questions before.
    after: Vec<String>,
    /// What the question may be about, if that is not all.
    part: Option<(Catalog, Vocabulary)>,
}

impl<'a> Call<'a> {
    fn new(known: &[OptionDef], arguments: &[ValueRef<'a>], kept: &Kept) -> Result<Call<'a>> {
        Call::named("question", known, arguments, kept)
    }

    /// The same where the first argument is called otherwise.
    fn named(
        name: &str,
        known: &[OptionDef],
        arguments: &[ValueRef<'a>],
        kept: &Kept,
    ) -> Result<Call<'a>> {
        let question = match arguments.first() {
            Some(ValueRef::Text(question)) => *question,
            None | Some(ValueRef::Null) => {
                return Err(Error::new(format!("{name} is NULL; give a text")));
            }
            Some(_) => return Err(Error::new(format!("{name} is no text; give one"))),
        };
        let options = match arguments.get(1) {
            None | Some(ValueRef::Null) => None,
            Some(ValueRef::Text(options)) => Some(*options),
            Some(_) => return Err(Error::new("options is no text; give a JSON object")),
        };
        let options = Options::parse(known, options)?;
        let learned = kept.of::<Knowledge>().whole(options.text(DATABASE.name))?;
        let policy = Policy::read(&options)?;
        let part = (!policy.is_open()).then(|| {
            let catalog = learned.catalog.restricted(&policy);
            (Vocabulary::new(&catalog), catalog)
        });
        if part
            .as_ref()
            .map_or(&learned.catalog, |(_, c)| c)
            .tables
            .is_empty()
        {
            return Err(Error::new("there is no table to ask about"));
        }
        let after = match session::of(&options, question)? {
            Some(session) => kept.of::<Sessions>().before(session),
            None => after(&options)?,
        };
        Ok(Call {
            question,
            after,
            now: moment::option(&options, NOW.name)?,
            options,
            policy,
            learned,
            part: part.map(|(vocabulary, catalog)| (catalog, vocabulary)),
        })
    }

    fn reader(&self) -> Reader<'_> {
        let (catalog, vocabulary) = match &self.part {
            Some((catalog, vocabulary)) => (catalog, vocabulary),
            None => (&self.learned.catalog, &self.learned.vocabulary),
        };
        Reader {
            catalog,
            vocabulary,
            model: model(),
            dialect: Dialect::DuckDb,
            now: self.now,
            // DuckDB does not tell a scalar function of an interrupt.
            stopped: &|| false,
        }
    }

    /// The SELECT of the catalog, and of what people have taught.
    fn catalog(&self) -> String {
        format!("{CATALOG}{}", self.learned.taught)
    }

    /// What a fold is told of the database.
    fn spec(&self) -> Json {
        let (database, schema) = &self.learned.place;
        json!({
            "database": database, "schema": schema, "fingerprint": hex(self.learned.fingerprint),
            "taught": hex(self.learned.taught_fingerprint),
        })
    }

    /// The readings, and for each of the likely ones whether it can run at all.
    fn considered(&self) -> Result<(Considered, Vec<bool>)> {
        let scratch = scratch()?;
        // The catalog is what the tables were chosen from; a view that is one of them reads others.
        let policy = self.policy.without_tables();
        let refuses = |sql: &str| {
            let verdict = duckdb::check(sql, &self.learned.schema, &policy, &*scratch);
            verdict.sql.is_err()
        };
        // Whether a question before finds something is not known while the text is written.
        let all = Considered::after(&self.reader(), &self.after, self.question, &mut |sql| {
            Ok::<_, Error>(if refuses(sql) {
                Outcome::Error
            } else {
                Outcome::Rows
            })
        })?;
        let refused = all.to_try(&mut |reading: &Reading| Ok::<_, Error>(refuses(&reading.sql)))?;
        Ok((all, refused))
    }

    /// The readings of the parser and of the model, where it is to be asked: what the parser has read then says so if the model
    /// gives nothing. Errors if it alone is to answer and does not.
    fn with_model(
        &self,
        all: &mut Considered,
        refused: &[bool],
        kept: &Kept,
    ) -> Result<Option<(Pool, String)>> {
        let tried = all.readings.iter().zip(refused);
        let parsed = tried.filter(|(_, refused)| !**refused).map(|(r, _)| r);
        let parsed: Vec<Reading> = parsed.cloned().collect();
        let Some(tier) = wanted(&self.options, parsed.first().map(|r| r.confidence))? else {
            return Ok(None);
        };
        let (reader, scratch) = (self.reader(), scratch()?);
        let mut gate = |sql: &str| {
            // Nothing but an interrupt would end a recursion without end.
            let tokens = tokens(sql, lexer::Dialect::DuckDb);
            if tokens.iter().any(|token| token.is(sql, "recursive")) {
                return Ok::<Passed, Error>(Err(
                    "WITH RECURSIVE may not end; write it without".into()
                ));
            }
            let verdict = duckdb::check(sql, &self.learned.schema, &self.policy, &*scratch);
            let mut tables = verdict.reads.tables.iter();
            // Tables that were not learned are none to ask about.
            let other = tables.find(|table| reader.catalog.table(table).is_none());
            let other = other.map(|table| Err(format!("the table \"{table}\" may not be read")));
            Ok(other.unwrap_or(verdict.sql))
        };
        let asked = Question {
            question: self.question,
            after: &self.after,
        };
        let prompt = Prompt::new(tier.config(), &reader, &asked, &mut |sql| {
            gate(sql).map(|text| text.is_ok())
        })?;
        // Nobody can tell a function of DuckDB to stop.
        let found = tier.consult(
            &prompt,
            &mut Means {
                gate: &mut gate,
                before: &mut || Ok(()),
                stop: &never(),
            },
        )?;
        let model = tier.config().model();
        let failed = found.passed.is_empty();
        if found.calls > 0 {
            let alone = !parsed.is_empty() && !insists(&self.options);
            let decision = failed.then_some(if alone { "parser" } else { "none" });
            let at = moment::text(found.at).unwrap_or_default();
            let entry = Entry::new(&found, decision);
            kept.of::<Log>().add(at, self.question, model, entry);
        }
        if !failed {
            let pool = Pool::new(&tier, &parsed, &found);
            return Ok(Some((pool, model.to_owned())));
        }
        let why = pool::reason(&found);
        if insists(&self.options) || parsed.is_empty() {
            return Err(pool::nothing(&why));
        }
        pool::without(&mut all.readings, &why);
        Ok(None)
    }

    /// The SELECT of what is not there any more of the values that a reading names.
    fn missing(&self, number: usize, query: &Query) -> String {
        let catalog = self.reader().catalog;
        let mut named = Vec::new();
        values_of(catalog, query, &mut named);
        let branch = |(column, text): &(ColumnRef, String)| {
            let table = &catalog.tables[column.table].name;
            let name = &catalog.at(*column).name;
            let said = format!("\"{text}\" is no value of {table}.{name} any more");
            format!(
                " UNION ALL SELECT {MISSING}, {number}, NULL, NULL, {}, NULL, NULL, NULL, NULL, NULL WHERE NOT EXISTS \
                 (SELECT 1 FROM {} AS lumos_table WHERE lumos_table.{} = {})",
                literal(&said),
                identifier(table),
                identifier(name),
                literal(text)
            )
        };
        named.iter().map(branch).collect()
    }

    /// How many rows are wanted.
    fn most(&self) -> usize {
        let k = self.options.integer(FEW.name);
        k.and_then(|k| usize::try_from(k).ok()).unwrap_or(10)
    }

    /// The statement that gives these rows, if the catalog is as it was.
    fn rows(&self, fold: &Fold, rows: Vec<Json>) -> Result<String> {
        let mut spec = self.spec();
        spec["rows"] = Json::Array(rows);
        fold.sql(&self.catalog(), &spec.to_string())
    }

    /// Adds to a spec which session keeps the question, if one does.
    fn keep(&self, spec: &mut Json) {
        if let Some(session) = self.options.text(SESSION.name) {
            spec["session"] = json!(session);
            spec["question"] = json!(self.question);
        }
    }

    fn least(&self) -> f64 {
        self.options.number(CONFIDENCE.name).unwrap_or(LOW)
    }
}

/// The values of the catalog that a query compares with.
fn values_of(catalog: &Catalog, query: &Query, all: &mut Vec<(ColumnRef, String)>) {
    for filter in query.filters.iter().chain(&query.having) {
        match (&filter.left, filter.op, &filter.right) {
            (Expr::Column(column), Compare::Eq | Compare::Ne, Right::One(Literal::Text(text)))
                if !text.contains('\0') =>
            {
                let folded = super::tokens::fold(text);
                let known = catalog
                    .values
                    .find(&folded)
                    .any(|(of, value)| of == *column && value == text);
                let value = (*column, text.clone());
                if known && !all.contains(&value) {
                    all.push(value);
                }
            }
            (_, _, Right::Query(query)) => values_of(catalog, query, all),
            _ => {}
        }
        if let Expr::Query(query) = &filter.left {
            values_of(catalog, query, all);
        }
    }
    if let Some((_, other)) = &query.set {
        values_of(catalog, other, all);
    }
}

/// The statement of a call whose readings run.
fn running(fold: &Fold, call: &Call<'_>, keeps: usize, rows: u64, kept: &Kept) -> Result<String> {
    let (mut all, mut refused) = call.considered()?;
    let mut spec = call.spec();
    let mut limit = rows;
    if let Some((pool, model)) = call.with_model(&mut all, &refused, kept)? {
        refused = vec![false; pool.readings.len()];
        spec["weights"] = json!(pool.weights);
        spec["insists"] = json!(insists(&call.options));
        spec["model"] = json!(model);
        spec["question"] = json!(call.question);
        all = Considered {
            readings: pool.readings,
            scores: Vec::new(),
        };
        limit = rows.max(vote::ROWS as u64);
    }
    let mut read = call.catalog();
    for (i, reading) in all.readings.iter().enumerate().take(refused.len()) {
        if refused[i] {
            continue;
        }
        read.push_str(&format!(
            " UNION ALL SELECT {ANSWER}, {i}, row_number() OVER (), NULL, CAST(to_json(lumos_row) AS VARCHAR), NULL, NULL, NULL, \
             NULL, NULL FROM (SELECT * FROM ({}) LIMIT {limit}) AS lumos_row",
            reading.sql
        ));
        read.push_str(&call.missing(i, &reading.query));
    }
    let keeps = keeps.saturating_add(refused.len());
    let readings = all.readings.iter().take(keeps).map(|r| {
        json!({
            "sql": r.sql, "confidence": r.confidence, "assumptions": r.assumptions, "unmatched": r.unmatched,
            "goes_on": r.keeps_topic(),
        })
    });
    spec["readings"] = readings.collect();
    spec["scores"] = json!(all.scores.iter().take(keeps).collect::<Vec<_>>());
    spec["refused"] = json!(refused);
    spec["least"] = json!(call.least());
    spec["most"] = json!(rows);
    spec["k"] = json!(call.options.integer(K.name).unwrap_or(5));
    call.keep(&mut spec);
    fold.sql(&read, &spec.to_string())
}

/// The query of `lumos_ask(question, options)`. Errors if the options are none, or nothing is known of the database.
pub fn ask_sql(arguments: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    let call = Call::new(ASK_OPTIONS, arguments, kept)?;
    if call.options.get(TIMEOUT.name).is_some() {
        return Err(for_sqlite());
    }
    if call.options.flag(TYPED.name) == Some(true) {
        return typed(&call, kept);
    }
    let rows = call.options.integer(ROWS.name).unwrap_or(1000);
    running(&ASK, &call, 1, rows.unsigned_abs(), kept)
}

/// The query of the likeliest reading that can run, if the catalog is as it was. A model's stands against the parser's by its
/// weight alone, since the answer's columns are known before its rows.
fn typed(call: &Call<'_>, kept: &Kept) -> Result<String> {
    let (mut all, mut refused) = call.considered()?;
    if let Some((pool, model)) = call.with_model(&mut all, &refused, kept)? {
        let said = pool.readings.iter();
        let said = said.map(|r| (Outcome::Rows, super::tokens::hash(&r.sql)));
        let said: Vec<_> = said.collect();
        let (readings, decision) = pool.decided(&said, insists(&call.options), &model);
        kept.of::<Log>().decide(call.question, decision);
        refused = vec![false; readings.len()];
        all = Considered {
            readings,
            scores: Vec::new(),
        };
    }
    let first = refused.iter().position(|refused| !refused);
    let Some((i, reading)) = first.and_then(|i| Some((i, all.readings.get(i)?))) else {
        return Err(nothing());
    };
    too_unsure(
        &reading.sql,
        reading.confidence,
        &reading.unmatched,
        call.least(),
    )
    .map_err(|e| pool::with_why(&e, &reading.assumptions))?;
    let read = format!("{}{}", call.catalog(), call.missing(i, &reading.query));
    let mut spec = call.spec();
    spec["check"] = json!(true);
    spec["readings"] = json!([{"sql": reading.sql, "goes_on": reading.keeps_topic()}]);
    call.keep(&mut spec);
    let check = ASK.sql(&read, &spec.to_string())?;
    let rows = call.options.integer(ROWS.name).unwrap_or(1000);
    Ok(format!(
        "SELECT * FROM ({}) AS lumos_answer WHERE (SELECT row FROM ({check})) IS NOT NULL LIMIT {rows}",
        reading.sql
    ))
}

/// The query of `lumos_to_sql(question, options)`. Errors as [`ask_sql`] does.
pub fn to_sql_sql(arguments: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    let call = Call::new(TO_SQL_OPTIONS, arguments, kept)?;
    running(&TO_SQL, &call, 1, 1, kept)
}

/// The query of `lumos_parse(question, options)`. Errors as [`ask_sql`] does.
pub fn parse_sql(arguments: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    let k;
    let arguments = match arguments {
        [question, ValueRef::Integer(number)] => {
            k = as_options(*number);
            &[*question, ValueRef::Text(&k)][..]
        }
        _ => arguments,
    };
    let call = Call::new(PARSE_OPTIONS, arguments, kept)?;
    let k = call.options.integer(K.name).unwrap_or(5);
    running(&PARSE, &call, usize::try_from(k).unwrap_or(5), 1, kept)
}

/// The query of `lumos_link(question, options)`. Errors as [`ask_sql`] does.
pub fn link_sql(arguments: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    let call = Call::new(LINK_OPTIONS, arguments, kept)?;
    let reader = call.reader();
    let links = links(reader.catalog, reader.vocabulary, call.question);
    let links: Vec<Json> = links
        .iter()
        .map(|l| json!([l.span, l.kind, l.target, l.score]))
        .collect();
    let mut spec = call.spec();
    spec["rows"] = json!(links);
    LINK.sql(&call.catalog(), &spec.to_string())
}

/// The query of `lumos_learned(options)`. Errors if nothing is known of the database.
pub fn learned_sql(arguments: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    let options = match arguments.first() {
        Some(ValueRef::Text(options)) => Some(*options),
        _ => None,
    };
    let options = Options::parse(LEARNED_OPTIONS, options)?;
    let learned = kept.of::<Knowledge>().whole(options.text(DATABASE.name))?;
    let rows = learned.listed.iter().map(|l| {
        json!([
            l.row.kind,
            l.row.word,
            l.row.meaning,
            l.row.good,
            l.row.bad,
            l.weight,
            l.ignored
        ])
    });
    let rows: Vec<Json> = rows.collect();
    let (database, schema) = &learned.place;
    let spec = json!({
        "database": database, "schema": schema, "fingerprint": hex(learned.fingerprint),
        "taught": hex(learned.taught_fingerprint), "rows": rows,
    });
    LEARNED.sql(&format!("{CATALOG}{}", learned.taught), &spec.to_string())
}

/// The query of `lumos_verified_list(options)`. Errors as [`learned_sql`] does.
pub fn verified_list_sql(arguments: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    let learned = learned_sql(arguments, kept)?;
    Ok(format!(
        "SELECT word AS question, meaning AS sql, ignored FROM ({learned}) WHERE kind = 'verified'"
    ))
}

/// The query of `lumos_narrate(sql, lang, options)`. Errors if the gate does not let it pass, or nothing is known of the
/// database.
pub fn narrate_sql(arguments: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    let [sql, lang, options] = narrated(arguments)?;
    let options = Options::parse(NARRATE_OPTIONS, options)?;
    if options.get(TIMEOUT.name).is_some() {
        return Err(for_sqlite());
    }
    let lang = Lang::read(lang)?;
    let policy = Policy::read(&options)?;
    let learned = kept.of::<Knowledge>().of(options.text(DATABASE.name))?;
    let sql = sql.unwrap_or_default();
    let verdict = duckdb::check(sql, &learned.schema, &policy, &*scratch()?);
    let text = verdict.sql.map_err(|reason| may_not_run(&reason))?;
    let read = format!(
        "{CATALOG} UNION ALL SELECT {ANSWER}, 0, row_number() OVER (), NULL, CAST(to_json(lumos_row) AS VARCHAR), NULL, NULL, \
         NULL, NULL, NULL FROM (SELECT * FROM ({text}) LIMIT {}) AS lumos_row",
        TOLD + 1
    );
    let (database, schema) = &learned.place;
    let lang = if lang == Lang::Chinese { "zh" } else { "en" };
    let spec = json!({
        "database": database, "schema": schema, "fingerprint": hex(learned.fingerprint), "sql": text, "lang": lang,
    });
    NARRATE.sql(&read, &spec.to_string())
}

fn for_sqlite() -> Error {
    Error::new(
        "the option \"timeout_ms\" is for SQLite; in DuckDB SET max_execution_time to so many milliseconds (from 2.0 on), or interrupt the statement",
    )
}

/// The query of `lumos_autocomplete(prefix, options)`. Errors as [`ask_sql`] does.
pub fn autocomplete_sql(arguments: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    let call = Call::named("prefix", AUTOCOMPLETE_OPTIONS, arguments, kept)?;
    let all = completions(call.reader().catalog, call.question, call.most());
    let rows: Vec<Json> = all
        .iter()
        .map(|c| json!([c.suggestion, c.start, c.kind.1]))
        .collect();
    call.rows(&AUTOCOMPLETE, rows)
}

/// The query of `lumos_suggest_questions(table, options)`. Errors as [`ask_sql`] does, or if there is no such table.
pub fn suggest_sql(arguments: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    let call = Call::named("table", AUTOCOMPLETE_OPTIONS, arguments, kept)?;
    let reader = call.reader();
    let table = table_of(reader.catalog, call.question)?;
    let scratch = scratch()?;
    let policy = call.policy.without_tables();
    let all = suggested(&reader, table, call.most(), &mut |sql| {
        let verdict = duckdb::check(sql, &call.learned.schema, &policy, &*scratch);
        Ok::<_, Error>(verdict.sql.is_err())
    })?;
    let rows: Vec<Json> = all.iter().map(|(q, sql, c)| json!([q, sql, c])).collect();
    call.rows(&SUGGEST, rows)
}

fn nothing() -> Error {
    Error::new("nothing in the question is known here; lumos_link shows what words mean")
}
