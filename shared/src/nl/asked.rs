//! Questions in DuckDB: a statement that holds the readings of a question, runs the likely ones in the caller's transaction
//! and answers with one of them, if the catalog is still the one that they were made of.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::answer::{Considered, LOW, Outcome, Reading, band, order, too_unsure};
use super::asking::*;
use super::catalog::{Catalog, ColumnRef};
use super::ir::{Compare, Expr, Literal, Query, Right};
use super::learn::{DATABASE, Knowledge, Learned, hex, place_of};
use super::link::Vocabulary;
use super::links::links;
use super::model;
use super::print::Dialect;
use super::reader::Reader;
use super::seen::{ANSWER, CATALOG, INPUT, MISSING, Row, Seen};
use super::suggest::{COMPLETIONS, QUESTIONS, completions, suggested};
use super::taught;
use super::tier::log::{Entry, Log};
use super::tier::pool::{self, Pool, ballots};
use super::tier::prompt::{Asked as Question, Prompt};
use super::tier::vote::{self, Choice};
use super::tier::{Means, Passed, insists, wanted};
use crate::gate::duckdb;
use crate::gate::policy::Policy;
use crate::gate::scratch;
use crate::memory::moment;
use crate::options::{OptionDef, Options};
use crate::program::{Fold, FoldState, Kept};
use crate::server::never;
use crate::sql::lexer::{self, tokens};
use crate::sql::{identifier, literal};
use crate::words::{Lang, Narration};
use crate::{Error, Result, Type, Value, ValueRef};

const ASKS: u8 = 0;
const WRITES: u8 = 1;
const PARSES: u8 = 2;
const LISTS: u8 = 4;
const TELLS: u8 = 5;

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
    learned: std::sync::Arc<Learned>,
    now: Option<i64>,
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
        Ok(Call {
            question,
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
        let after = after(&self.options)?;
        // Whether a question before finds something is not known while the text is written.
        let all = Considered::after(&self.reader(), &after, self.question, &mut |sql| {
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
            after: &after(&self.options)?,
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
        json!({"sql": r.sql, "confidence": r.confidence, "assumptions": r.assumptions, "unmatched": r.unmatched})
    });
    spec["readings"] = readings.collect();
    spec["scores"] = json!(all.scores.iter().take(keeps).collect::<Vec<_>>());
    spec["refused"] = json!(refused);
    spec["least"] = json!(call.least());
    spec["most"] = json!(rows);
    spec["k"] = json!(call.options.integer(K.name).unwrap_or(5));
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

fn cell(json: &Json) -> Value {
    match json {
        Json::String(text) => Value::Text(text.clone()),
        Json::Number(n) => match n.as_i64() {
            Some(n) => Value::Integer(n),
            None => Value::Real(n.as_f64().unwrap_or_default()),
        },
        _ => Value::Null,
    }
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
    Error::new("the option \"timeout_ms\" is for SQLite; in DuckDB interrupt the statement")
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

fn list(words: &Json) -> Value {
    Value::Text(words.to_string())
}

/// What was asked, and the rows of its readings.
#[derive(Debug, Clone)]
struct Asked<const WHAT: u8> {
    spec: Json,
    place: (String, String),
    fingerprint: u64,
    seen: Seen,
    rows: Vec<(i64, i64, String)>,
    missing: Vec<(i64, String)>,
    bytes: usize,
    log: Arc<Log>,
}

/// A reading in the order of the answer.
struct Ranked<'a> {
    place: usize,
    reading: &'a Json,
    confidence: f64,
    /// What it takes for granted.
    assumptions: Json,
}

impl<const WHAT: u8> Asked<WHAT> {
    /// What the engine says of each of the likely readings.
    fn outcomes(&self) -> Vec<Outcome> {
        let refused = self.spec["refused"].as_array().map_or(&[][..], |all| all);
        let outcome = |(i, refused): (usize, &Json)| {
            if refused.as_bool() != Some(false) {
                return Outcome::Error;
            }
            let first = self
                .rows
                .iter()
                .filter(|(of, ..)| usize::try_from(*of) == Ok(i))
                .min();
            let Some((_, _, row)) = first else {
                return Outcome::Empty;
            };
            match serde_json::from_str(row) {
                Ok(Json::Object(row)) if row.values().all(Json::is_null) => Outcome::Nulls,
                _ => Outcome::Rows,
            }
        };
        refused.iter().enumerate().map(outcome).collect()
    }

    /// The readings in the order of the answer.
    fn ordered(&self) -> Vec<Ranked<'_>> {
        let readings = self.spec["readings"].as_array().map_or(&[][..], |all| all);
        let ranked = |place: usize| {
            let reading = readings.get(place)?;
            Some(Ranked {
                place,
                reading,
                confidence: reading["confidence"].as_f64().unwrap_or_default(),
                assumptions: reading["assumptions"].clone(),
            })
        };
        if let Some(choices) = self.voted() {
            let model = self.spec["model"].as_str().unwrap_or_default();
            let ranked = choices.into_iter().filter_map(|(choice, of_model)| {
                let mut ranked = ranked(choice.place)?;
                ranked.confidence = choice.confidence;
                if let (true, false, Json::Array(all)) =
                    (choice.agreed, of_model, &mut ranked.assumptions)
                {
                    all.push(pool::same_rows(model).into());
                }
                Some(ranked)
            });
            return ranked.collect();
        }
        let scores = self.spec["scores"].as_array().map_or(&[][..], |all| all);
        let scores = scores.iter().map(|s| s.as_f64().unwrap_or_default() as f32);
        let scores: Vec<f32> = scores.take(readings.len()).collect();
        let order = order(&scores, &self.outcomes(), readings.len());
        order.into_iter().filter_map(ranked).collect()
    }

    /// The order by a vote, if a model takes part, each with whether it is the model's.
    fn voted(&self) -> Option<Vec<(Choice, bool)>> {
        let weights = self.spec["weights"].as_array()?;
        let weights: Vec<(bool, f64)> = weights
            .iter()
            .map(|w| {
                let weight = w[1].as_f64().filter(|w| (0.0..=1.0).contains(w));
                (w[0] == true, weight.unwrap_or_default())
            })
            .collect();
        let mut rows = vec![vote::Rows::default(); weights.len()];
        for (of, _, row) in &self.rows {
            let of = usize::try_from(*of).ok().and_then(|of| rows.get_mut(of));
            if let (Some(rows), Ok(Json::Object(row))) = (of, serde_json::from_str(row)) {
                rows.add(row.values().map(|value| match value {
                    Json::Null => None,
                    Json::String(text) => Some(text.into()),
                    Json::Number(n) => Some(match (n.as_i64(), n.as_f64()) {
                        (Some(n), _) => n.to_string().into(),
                        (_, Some(n)) => vote::number(n).into(),
                        _ => n.to_string().into(),
                    }),
                    other => Some(other.to_string().into()),
                }));
            }
        }
        let said: Vec<(Outcome, u64)> = rows.iter().map(|r| (r.outcome(), r.hash())).collect();
        let ballots = ballots(&weights, &said);
        let choices = vote::order(&ballots, self.spec["insists"] == true);
        let decision = vote::decision(&ballots, &choices);
        let question = self.spec["question"].as_str().unwrap_or_default();
        self.log.decide(question, decision);
        let of_model = |choice: Choice| (choice, ballots[choice.place].of_model);
        Some(choices.into_iter().map(of_model).collect())
    }

    /// The reading to answer. Errors if there is none, it is not sure enough, or names what is not there any more.
    fn first(&self) -> Result<Ranked<'_>> {
        let ranked = self.ordered().into_iter().next().ok_or_else(nothing)?;
        let texts = |list: &Json| -> Vec<String> {
            let all = list.as_array().map_or(&[][..], |all| all);
            let texts = all.iter().filter_map(Json::as_str);
            texts.map(str::to_owned).collect()
        };
        let words = texts(&ranked.reading["unmatched"]);
        let sql = ranked.reading["sql"].as_str().unwrap_or_default();
        let least = self.spec["least"].as_f64().unwrap_or(LOW);
        too_unsure(sql, ranked.confidence, &words, least)
            .map_err(|e| pool::with_why(&e, &texts(&ranked.assumptions)))?;
        self.are_there(Some(ranked.place))?;
        Ok(ranked)
    }

    /// Errors if a value that a reading names is not there any more; of any reading if none is said.
    fn are_there(&self, reading: Option<usize>) -> Result<()> {
        let of = |of: i64| reading.is_none_or(|i| usize::try_from(of) == Ok(i));
        match self.missing.iter().filter(|(i, _)| of(*i)).min() {
            Some((_, said)) => Err(Error::new(format!(
                "{said}: run FROM query(lumos_learn_values()) again"
            ))),
            None => Ok(()),
        }
    }
}

impl<const WHAT: u8> FoldState for Asked<WHAT> {
    fn start(spec: &str) -> Result<Self> {
        let none = || Error::new(format!("{} is not what lumos_ask writes", literal(spec)));
        let json: Json = serde_json::from_str(spec).map_err(|_| none())?;
        let (place, fingerprint) = place_of(&json).ok_or_else(none)?;
        Ok(Asked {
            spec: json,
            place,
            fingerprint,
            seen: Seen::default(),
            rows: Vec::new(),
            missing: Vec::new(),
            bytes: 0,
            log: Arc::default(),
        })
    }

    fn start_in(spec: &str, kept: &Kept) -> Result<Self> {
        Ok(Asked {
            log: kept.of(),
            ..Self::start(spec)?
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let row = Row::read(row)?;
        match (row.what, row.numbers, row.texts) {
            (ANSWER, [Some(reading), Some(number), _], [Some(text), ..]) => {
                self.bytes += text.len();
                if self.bytes > BYTES {
                    return Err(too_many_bytes());
                }
                self.rows.push((reading, number, text.to_owned()));
            }
            (MISSING, [Some(reading), ..], [Some(text), ..]) => {
                self.missing.push((reading, text.to_owned()));
            }
            _ => self.seen.row(&row, false),
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.seen.merge(&other.seen);
        self.rows.extend(other.rows.iter().cloned());
        self.missing.extend(other.missing.iter().cloned());
        self.bytes += other.bytes;
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        if !self.seen.any {
            return Ok(());
        }
        let taught = self.spec["taught"].as_str();
        let taught = taught.and_then(|hex| u64::from_str_radix(hex, 16).ok());
        self.seen
            .check(&self.place, self.fingerprint, taught.or(Some(0)))?;
        let text = |json: &Json| Value::Text(json.as_str().unwrap_or_default().to_owned());
        match WHAT {
            ASKS if self.spec["check"] == true => {
                self.are_there(None)?;
                emit(vec![
                    Value::Text("true".into()),
                    Value::Null,
                    Value::Null,
                    Value::Null,
                ])
            }
            ASKS => {
                let first = self.first()?;
                let rows = self
                    .rows
                    .iter()
                    .filter(|(of, ..)| usize::try_from(*of) == Ok(first.place));
                let mut rows: Vec<_> = rows.collect();
                rows.sort();
                let most = self.spec["most"].as_u64().unwrap_or(u64::MAX);
                for (_, _, row) in rows
                    .into_iter()
                    .take(usize::try_from(most).unwrap_or(usize::MAX))
                {
                    emit(vec![
                        Value::Text(row.clone()),
                        text(&first.reading["sql"]),
                        Value::Real(first.confidence),
                        list(&first.assumptions),
                    ])?;
                }
                Ok(())
            }
            WRITES => emit(vec![text(&self.first()?.reading["sql"])]),
            PARSES => {
                let k = self.spec["k"].as_u64().unwrap_or(5);
                for (ranked, rank) in self.ordered().into_iter().zip(1..=k as i64) {
                    if rank == 1 {
                        self.are_there(Some(ranked.place))?;
                    }
                    emit(vec![
                        Value::Integer(rank),
                        text(&ranked.reading["sql"]),
                        Value::Real(ranked.confidence),
                        Value::Text(band(ranked.confidence).to_owned()),
                        list(&ranked.assumptions),
                        list(&ranked.reading["unmatched"]),
                    ])?;
                }
                Ok(())
            }
            TELLS => {
                let lang = Lang::read(self.spec["lang"].as_str())?;
                let mut rows: Vec<_> = self.rows.iter().collect();
                rows.sort();
                let mut narration = Narration::default();
                for (_, _, row) in rows.iter().take(TOLD) {
                    narration.add(serde_json::from_str(row).unwrap_or(Json::Null));
                }
                if rows.len() > TOLD {
                    narration.and_more();
                }
                emit(told(
                    self.spec["sql"].as_str().unwrap_or_default(),
                    lang,
                    &narration,
                ))
            }
            // Rows that were made with the text.
            _ => {
                let rows = self.spec["rows"].as_array().map_or(&[][..], |all| all);
                for row in rows {
                    let cells = row.as_array().map_or(&[][..], |all| all);
                    emit(cells.iter().map(cell).collect())?;
                }
                Ok(())
            }
        }
    }
}
