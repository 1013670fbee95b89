//! Names of a result's columns.

/// Names made distinct as DuckDB does in a subquery: `a`, `a_1`, `a_2`.
pub fn distinct(names: Vec<String>) -> Vec<String> {
    let mut taken = std::collections::HashSet::new();
    names
        .into_iter()
        .map(|name| {
            let mut candidate = name.clone();
            let mut n = 0;
            while !taken.insert(candidate.to_lowercase()) {
                n += 1;
                candidate = format!("{name}_{n}");
            }
            candidate
        })
        .collect()
}
