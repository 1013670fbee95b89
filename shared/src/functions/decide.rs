//! `lumos_decide(source, criteria[, options])`.

use crate::decisions::choice;
use crate::functions::simulate::{options, text};
use crate::program::Rows;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const DECIDE: Function = Function {
    name: "lumos_decide",
    section: Section::Decisions,
    engines: Engines::Both,
    kind: Kind::Table(choice::FOLD.output),
    params: &[
        Param::new("source", Type::Text),
        Param::new("criteria", Type::Json),
        Param::optional("options", Type::Json),
    ],
    options: choice::OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Ranks the rows of `source` as options of a decision, by several criteria, and says why the first is the first. `source` is a table, a table with the columns that name an option, like `laptops(model)`, or a query; without names the first column names it. \
          `criteria` is a JSON object of columns with their weights, or with an object of `weight` (1 if left out), `goal` (`\"max\"`, the more the better, or `\"min\"`), `min` and `max`, without which an option may not be chosen, and `utility`: `\"linear\"`, `\"log\"`, `{\"exp\": a}`, which counts the first steps most, or points of value and utility like `[[0, 0], [20, 0.8], [50, 1]]`. \
          `score` is the sum of points times weights; `contributions` are its parts. `lead` and `leads` are how far the first is ahead of the second, and the others behind the first. `win_share` is in which share of weights drawn around the given ones an option is the best. \
          `flips` is at which weight of a criterion, the others in their proportions, it has the score of the option it is compared to. `dominated_by` names an option that is as good in everything and better in something. Options beyond a limit are last, without a rank.",
    setup: &[
        "CREATE TABLE laptops(model TEXT, price REAL, battery REAL)",
        "INSERT INTO laptops VALUES ('Air', 1000, 10), ('Pro', 1500, 16), ('Go', 800, 6), ('Max', 1600, 20)",
    ],
    examples: &[
        Example {
            sql: "SELECT rank, option, round(score, 3), round(lead, 3), feasible FROM lumos_decide('laptops(model)', '{\"price\": {\"weight\": 3, \"goal\": \"min\", \"max\": 1500}, \"battery\": 2}')",
            answer: "1|Go|0.6|0.011|1\n2|Air|0.589|-0.011|1\n3|Pro|0.4|-0.2|1\nNULL|Max|NULL|NULL|0",
        },
        Example {
            sql: "SELECT explanation FROM lumos_decide('laptops(model)', '{\"price\": {\"weight\": 3, \"goal\": \"min\", \"max\": 1500}, \"battery\": 2}') LIMIT 1",
            answer: "first, 0.0114 ahead of Air (price +0.171, battery -0.16); the best under a share of 0.602 of the weights tried; level with Air if the weight of price were 0.583",
        },
        Example {
            sql: "SELECT explanation FROM lumos_decide('SELECT model, price FROM laptops', '{\"price\": {\"goal\": \"min\", \"max\": 1500}}', '{\"lang\": \"zh\"}') WHERE rank IS NULL",
            answer: "price 为 1,600，不得超过 1,500",
        },
    ],
    body: Body::Rows(&Rows {
        program: |args, database| {
            let source = text(args, 0, "source", "a table like laptops(model), or a query")?;
            let criteria = text(args, 1, "criteria", "a JSON object like {\"price\": 3}")?;
            choice::program(source, criteria, options(args, 2), database)
        },
        fold: &choice::FOLD,
        in_duckdb: &[],
    }),
};
