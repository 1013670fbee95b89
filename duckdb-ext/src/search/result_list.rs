//! Rows that a search in DuckDB has found: their ids, and lists of them as results.

use std::ops::Range;

use libduckdb_sys as ffi;
use lumos_core::Result;
use lumos_core::vector::topk::{Hit, TopK};

use crate::aggregate;
use crate::vectors::view::{self, TypeHandle};

/// An id, ordered as DuckDB orders it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Id {
    /// BIGINT.
    Integer(i64),
    /// As DuckDB stores it: as a signed number whose order is that of the text.
    Uuid(i128),
    /// VARCHAR.
    Text(Box<[u8]>),
}

/// The types that an id can have; others become text.
pub const ID_TYPES: [ffi::DUCKDB_TYPE; 3] = [
    ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT,
    ffi::DUCKDB_TYPE_DUCKDB_TYPE_UUID,
    ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR,
];

/// STRUCT(id, distance DOUBLE), with `query BIGINT` and `rank BIGINT` where rows are found for many queries.
pub fn row_type(id: ffi::DUCKDB_TYPE, many: bool) -> TypeHandle {
    let members = [
        (TypeHandle::simple(id), c"id"),
        (
            TypeHandle::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE),
            c"distance",
        ),
        (
            TypeHandle::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT),
            c"query",
        ),
        (
            TypeHandle::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT),
            c"rank",
        ),
    ];
    TypeHandle::structure(&members[..if many { 4 } else { 2 }])
}

/// The ids of a chunk.
pub enum Ids<'a> {
    /// BIGINT.
    Integer(&'a [i64]),
    /// UUID.
    Uuid(&'a [ffi::duckdb_hugeint]),
    /// VARCHAR.
    Text(&'a [ffi::duckdb_string_t]),
}

impl Ids<'_> {
    /// # Safety
    /// As [`view::slice`], of one of [`ID_TYPES`].
    pub unsafe fn new(vector: ffi::duckdb_vector, rows: usize) -> Self {
        // SAFETY: by contract.
        unsafe {
            let ty = TypeHandle::own(ffi::duckdb_vector_get_column_type(vector));
            match ty.id() {
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT => Ids::Integer(view::slice(vector, rows)),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_UUID => Ids::Uuid(view::slice(vector, rows)),
                _ => Ids::Text(view::slice(vector, rows)),
            }
        }
    }

    /// The id in `row`.
    pub fn get(&self, row: usize) -> Id {
        match self {
            Ids::Integer(ids) => Id::Integer(ids[row]),
            Ids::Uuid(ids) => {
                Id::Uuid(i128::from(ids[row].upper) << 64 | i128::from(ids[row].lower))
            }
            Ids::Text(ids) => Id::Text(view::bytes(&ids[row]).into()),
        }
    }
}

/// Hits as bytes, for [`unpack`]: of each the query that it was found for, from 0 on, its distance and its id.
pub fn pack(nearest: &[TopK<Id>], mut ids: IdList) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (query, nearest) in (0u32..).zip(nearest) {
        for hit in nearest.sorted() {
            bytes.extend(query.to_le_bytes());
            bytes.extend(hit.distance.to_le_bytes());
            ids.push(hit.id.clone());
        }
    }
    let count = (bytes.len() / (size_of::<u32>() + size_of::<f64>())) as u64;
    let mut packed = count.to_le_bytes().to_vec();
    packed.append(&mut bytes);
    ids.write(&mut packed);
    packed
}

/// Offers what [`pack`] has written; `None` if it is anything else.
pub fn unpack(mut bytes: &[u8], mut ids: IdList, nearest: &mut [TopK<Id>]) -> Option<()> {
    if bytes.is_empty() {
        return Some(());
    }
    let count = u64::from_le_bytes(take(&mut bytes)?);
    let mut hits = Vec::new();
    for _ in 0..count {
        let query = u32::from_le_bytes(take(&mut bytes)?) as usize;
        hits.push((query, f64::from_le_bytes(take(&mut bytes)?)));
    }
    for (i, (query, distance)) in hits.into_iter().enumerate() {
        ids.read(&mut bytes)?;
        nearest.get_mut(query)?.offer(distance, || ids.get(i));
    }
    bytes.is_empty().then_some(())
}

/// Ids by the million.
#[derive(Clone)]
pub enum IdList {
    /// BIGINT.
    Integer(Vec<i64>),
    /// UUID.
    Uuid(Vec<i128>),
    /// VARCHAR.
    Text(Vec<Box<[u8]>>),
}

impl IdList {
    /// None yet, of the type that these have.
    pub fn of(ids: &Ids<'_>) -> IdList {
        match ids {
            Ids::Integer(_) => IdList::Integer(Vec::new()),
            Ids::Uuid(_) => IdList::Uuid(Vec::new()),
            Ids::Text(_) => IdList::Text(Vec::new()),
        }
    }

    /// None yet, of the same type.
    pub fn none(&self) -> IdList {
        match self {
            IdList::Integer(_) => IdList::Integer(Vec::new()),
            IdList::Uuid(_) => IdList::Uuid(Vec::new()),
            IdList::Text(_) => IdList::Text(Vec::new()),
        }
    }

    /// Adds one, of that type.
    pub fn push(&mut self, id: Id) {
        match (self, id) {
            (IdList::Integer(all), Id::Integer(id)) => all.push(id),
            (IdList::Uuid(all), Id::Uuid(id)) => all.push(id),
            (IdList::Text(all), Id::Text(id)) => all.push(id),
            _ => {}
        }
    }

    /// Adds the ids of so many rows of a chunk.
    pub fn push_run(&mut self, ids: &Ids<'_>, rows: Range<usize>) {
        match (self, ids) {
            (IdList::Integer(all), Ids::Integer(ids)) => all.extend(&ids[rows]),
            (all, ids) => rows.for_each(|row| all.push(ids.get(row))),
        }
    }

    /// The id at this place.
    pub fn get(&self, i: usize) -> Id {
        match self {
            IdList::Integer(all) => Id::Integer(all[i]),
            IdList::Uuid(all) => Id::Uuid(all[i]),
            IdList::Text(all) => Id::Text(all[i].clone()),
        }
    }

    /// Writes all of them, for [`Self::read`].
    pub fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            IdList::Integer(all) => all.iter().for_each(|id| bytes.extend(id.to_le_bytes())),
            IdList::Uuid(all) => all.iter().for_each(|id| bytes.extend(id.to_le_bytes())),
            IdList::Text(all) => all.iter().for_each(|id| {
                bytes.extend((id.len() as u64).to_le_bytes());
                bytes.extend(id);
            }),
        }
    }

    /// Adds the first that is written there, and takes it off.
    pub fn read(&mut self, bytes: &mut &[u8]) -> Option<()> {
        match self {
            IdList::Integer(all) => all.push(i64::from_le_bytes(take(bytes)?)),
            IdList::Uuid(all) => all.push(i128::from_le_bytes(take(bytes)?)),
            IdList::Text(all) => {
                let length = u64::from_le_bytes(take(bytes)?) as usize;
                let (id, rest) = bytes.split_at_checked(length)?;
                *bytes = rest;
                all.push(id.into());
            }
        }
        Some(())
    }

    /// Adds those of another list.
    pub fn extend(&mut self, other: &IdList) {
        match (self, other) {
            (IdList::Integer(all), IdList::Integer(ids)) => all.extend(ids),
            (IdList::Uuid(all), IdList::Uuid(ids)) => all.extend(ids),
            (IdList::Text(all), IdList::Text(ids)) => all.extend(ids.iter().cloned()),
            _ => {}
        }
    }
}

/// Takes bytes off.
pub fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

/// Writes what was found for each query, up to this distance, as the list of `row`, behind the elements that the lists
/// before it have.
///
/// # Safety
/// `result` is a list of what [`row_type`] says, with room for `row`.
pub unsafe fn write(
    nearest: &[TopK<Id>],
    end: Option<f64>,
    many: bool,
    result: ffi::duckdb_vector,
    row: usize,
) -> Result<()> {
    let mut hits: Vec<(i64, i64, &Hit<Id>)> = Vec::new();
    for (query, nearest) in (0..).zip(nearest) {
        let near = |hit: &&Hit<Id>| end.is_none_or(|end| hit.distance <= end);
        let sorted = nearest.sorted().into_iter().take_while(near);
        hits.extend(sorted.zip(1..).map(|(hit, rank)| (query, rank, hit)));
    }
    // SAFETY: by contract; the children have room for what is reserved.
    unsafe {
        let start = aggregate::begin_list(result, row, hits.len())?;
        let structs = ffi::duckdb_list_vector_get_child(result);
        let cells =
            |i| ffi::duckdb_vector_get_data(ffi::duckdb_struct_vector_get_child(structs, i));
        let ids = ffi::duckdb_struct_vector_get_child(structs, 0);
        let (id_cells, distances) = (cells(0), cells(1).cast::<f64>());
        let places = many.then(|| (cells(2).cast::<i64>(), cells(3).cast::<i64>()));
        for ((query, rank, hit), at) in hits.into_iter().zip(start..) {
            distances.add(at).write(hit.distance);
            if let Some((queries, ranks)) = places {
                queries.add(at).write(query);
                ranks.add(at).write(rank);
            }
            match &hit.id {
                Id::Integer(id) => id_cells.cast::<i64>().add(at).write(*id),
                Id::Uuid(id) => {
                    let cell = ffi::duckdb_hugeint {
                        lower: *id as u64,
                        upper: (*id >> 64) as i64,
                    };
                    id_cells.cast::<ffi::duckdb_hugeint>().add(at).write(cell);
                }
                Id::Text(id) => ffi::duckdb_vector_assign_string_element_len(
                    ids,
                    at as ffi::idx_t,
                    id.as_ptr().cast(),
                    id.len() as ffi::idx_t,
                ),
            }
        }
    }
    Ok(())
}
