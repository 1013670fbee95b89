//! What is told of a decision: its rows, and why each option stands where it does.

use serde_json::{Map, Value as Json, json};

use super::{Asked, Candidate, FOLD, Ranking};
use crate::Value;
use crate::series::words::number;

impl Ranking<'_> {
    /// The rows of the answer, those of options that may not be chosen last.
    pub fn rows(&self, infeasible: Vec<&Candidate>) -> Vec<Vec<Value>> {
        let ranked = self.order.iter().enumerate();
        let mut rows: Vec<Vec<Value>> = ranked.map(|(rank, i)| self.row(rank, *i)).collect();
        rows.extend(infeasible.into_iter().map(|candidate| {
            let mut row = vec![Value::Null; FOLD.output.len()];
            row[1] = name(candidate);
            row[4] = Value::Integer(0);
            row[10] = Value::Text(refused(self.asked, candidate));
            row
        }));
        rows
    }

    /// Whom an option is compared to: the first to the second, the others to the first.
    fn other(&self, rank: usize) -> Option<usize> {
        self.order.get(usize::from(rank == 0)).copied()
    }

    fn row(&self, rank: usize, i: usize) -> Vec<Value> {
        let names = || self.asked.criteria.iter().map(|c| c.name.clone());
        let object = |values: Vec<Json>| Json::Object(names().zip(values).collect::<Map<_, _>>());
        let other = self.other(rank);
        let leads = other.map(|other| {
            let pairs = self.contributions[i].iter().zip(&self.contributions[other]);
            pairs.map(|(one, other)| one - other).collect::<Vec<f64>>()
        });
        let lead = other.map(|other| self.scores[i] - self.scores[other]);
        let flips = leads.as_deref().map(|leads| self.flips(leads));
        let win_share = self.win_shares.as_ref().map(|shares| shares[i]);
        let numbers = |values: &[f64]| object(values.iter().map(|v| json!(v)).collect());
        let text = |json: Json| Value::Text(json.to_string());
        vec![
            Value::Integer(rank as i64 + 1),
            name(self.candidates[i]),
            Value::Real(self.scores[i]),
            lead.map_or(Value::Null, Value::Real),
            Value::Integer(1),
            win_share.map_or(Value::Null, Value::Real),
            text(numbers(&self.contributions[i])),
            leads
                .as_deref()
                .map_or(Value::Null, |leads| text(numbers(leads))),
            flips.as_ref().map_or(Value::Null, |flips| {
                text(object(flips.iter().map(|f| json!(f)).collect()))
            }),
            self.dominators[i].map_or(Value::Null, |by| name(self.candidates[by])),
            Value::Text(self.explain(rank, i, leads.as_deref(), flips.as_deref())),
        ]
    }

    /// At which weight of each criterion, the others in their proportions, both options have the same score.
    fn flips(&self, leads: &[f64]) -> Vec<Option<f64>> {
        let criteria = self.asked.criteria.iter().zip(leads).enumerate();
        criteria
            .map(|(c, (criterion, lead))| {
                let weight = criterion.weight;
                if self.asked.topsis || weight <= 0.0 || weight >= 1.0 {
                    return None;
                }
                let others = leads.iter().enumerate().filter(|(i, _)| *i != c);
                let rest = others.map(|(_, lead)| lead).sum::<f64>() / (1.0 - weight);
                let level = rest / (rest - lead / weight);
                (level.is_finite() && (0.0..=1.0).contains(&level)).then_some(level)
            })
            .collect()
    }

    fn explain(
        &self,
        rank: usize,
        i: usize,
        leads: Option<&[f64]>,
        flips: Option<&[Option<f64>]>,
    ) -> String {
        let language = self.asked.language;
        let mut said = Vec::new();
        match self.other(rank) {
            None => said.push(language.say("the only option", "唯一的选项")),
            Some(other) => {
                let lead = self.scores[i] - self.scores[other];
                let other = shown(self.candidates[other]);
                let by = leads.map_or(String::new(), |leads| self.reasons(leads));
                let amount = number(lead.abs());
                said.push(match () {
                    () if lead > 0.0 => language.say(
                        format!("first, {amount} ahead of {other}{by}"),
                        format!("第一，领先 {other} {amount}{by}"),
                    ),
                    () if lead < 0.0 => language.say(
                        format!("{amount} behind {other}{by}"),
                        format!("落后 {other} {amount}{by}"),
                    ),
                    () => language.say(format!("level with {other}"), format!("与 {other} 持平")),
                });
            }
        }
        if let Some(shares) = &self.win_shares
            && rank == 0
        {
            let share = number(shares[i]);
            said.push(language.say(
                format!("the best under a share of {share} of the weights tried"),
                format!("在所试权重中，有 {share} 的比例为最佳"),
            ));
        }
        let weights = self.asked.criteria.iter().zip(flips.unwrap_or_default());
        let nearest = weights
            .filter_map(|(c, flip)| flip.map(|flip| (c, flip)))
            .min_by(|(a, x), (b, y)| (x - a.weight).abs().total_cmp(&(y - b.weight).abs()));
        if let (Some((criterion, level)), Some(other)) = (nearest, self.other(rank)) {
            let (criterion, level) = (&criterion.name, number(level));
            let other = shown(self.candidates[other]);
            said.push(language.say(
                format!("level with {other} if the weight of {criterion} were {level}"),
                format!("若 {criterion} 的权重为 {level}，则与 {other} 持平"),
            ));
        }
        if let Some(by) = self.dominators[i] {
            let by = shown(self.candidates[by]);
            said.push(language.say(
                format!("never the best: {by} is as good in everything and better in something"),
                format!("不可能最佳：{by} 各项不差且至少一项更好"),
            ));
        }
        let missing = self.asked.criteria.iter().zip(&self.candidates[i].values);
        for (criterion, _) in missing.filter(|(_, value)| value.is_none()) {
            let criterion = &criterion.name;
            said.push(language.say(
                format!("{criterion} is missing and counts as the worst"),
                format!("缺少 {criterion}，按最差计"),
            ));
        }
        if rank == 0 && self.order.len() > 1 {
            for criterion in &self.same {
                said.push(language.say(
                    format!("{criterion} is the same for all and decides nothing"),
                    format!("{criterion} 对所有选项相同，不起作用"),
                ));
            }
        }
        language.join(&said).unwrap_or_default()
    }

    /// The three criteria that make most of the lead.
    fn reasons(&self, leads: &[f64]) -> String {
        let mut by: Vec<(&str, f64)> = self
            .asked
            .criteria
            .iter()
            .zip(leads)
            .map(|(c, lead)| (c.name.as_str(), *lead))
            .filter(|(_, lead)| *lead != 0.0)
            .collect();
        by.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
        let by: Vec<String> = by
            .iter()
            .take(3)
            .map(|(name, lead)| {
                let sign = if *lead > 0.0 { "+" } else { "" };
                format!("{name} {sign}{}", number(*lead))
            })
            .collect();
        let language = self.asked.language;
        if by.is_empty() {
            String::new()
        } else {
            format!(" ({})", by.join(&language.say(", ", "，")))
        }
    }
}

fn name(candidate: &Candidate) -> Value {
    let name = candidate.name.as_deref();
    name.map_or(Value::Null, |name| Value::Text(name.into()))
}

fn shown(candidate: &Candidate) -> &str {
    candidate.name.as_deref().unwrap_or("NULL")
}

/// Why an option may not be chosen.
fn refused(asked: &Asked, candidate: &Candidate) -> String {
    let language = asked.language;
    let mut said = Vec::new();
    for (criterion, value) in asked.criteria.iter().zip(&candidate.values) {
        let name = &criterion.name;
        let Some(value) = value else {
            if !criterion.allows(None) {
                said.push(language.say(
                    format!("{name} is missing, but has a limit"),
                    format!("缺少 {name}，而它有限制"),
                ));
            }
            continue;
        };
        let shown = number(*value);
        if let Some(max) = criterion.max.filter(|max| value > max) {
            let max = number(max);
            said.push(language.say(
                format!("{name} is {shown}, but must be at most {max}"),
                format!("{name} 为 {shown}，不得超过 {max}"),
            ));
        }
        if let Some(min) = criterion.min.filter(|min| value < min) {
            let min = number(min);
            said.push(language.say(
                format!("{name} is {shown}, but must be at least {min}"),
                format!("{name} 为 {shown}，不得低于 {min}"),
            ));
        }
    }
    language.join(&said).unwrap_or_default()
}
