//! What became of the tracked tables since they were mirrored: which ones can be followed, and which are copied anew.
//!
//! Every statement that changes the schema counts it up by one. What the definitions show explains some of these
//! changes; only where none is left over is it sure that nothing else happened.

use lumos_core::changelog::{Evolution, Key, Table, TrackingOptions, may_have_been_added};
use rusqlite::Connection;

use crate::error::Result;
use crate::mirror::records::MirrorRecord;
use crate::sync::schema::{self, Tracked};
use crate::sync::{RENUMBERED, Watermark, triggers_install};

/// A tracked table as it is now.
pub struct TableState<'a> {
    /// As it was tracked.
    pub tracked: &'a Tracked,
    /// Its CREATE statement.
    pub schema: String,
    /// Where the schema has it.
    pub place: String,
    /// Its columns and indexes.
    pub definition: Table,
    /// What `_lumos_tables` says of it is so, and its triggers are those that it needs.
    pub intact: bool,
    /// Its options, with columns named as they are now.
    pub options: TrackingOptions,
    /// What its mirror follows, or why it is copied.
    pub followed: std::result::Result<Resumable<'a>, &'static str>,
}

/// A mirrored table that can go on.
pub struct Resumable<'a> {
    /// As it was mirrored.
    pub mirror: &'a MirrorRecord,
    /// What happened to its columns since.
    pub evolution: Evolution,
    /// Its key now.
    pub key: Key,
    /// A column may have been dropped and added again, which leaves no trace in the definition.
    pub doubtful: bool,
}

/// Why a table without a mirror is copied.
pub const TRACKED: &str = "tracked";

/// DROP COLUMN and ADD COLUMN.
const DROP_AND_ADD: i64 = 2;

/// DROP TABLE, CREATE TABLE and three triggers at least.
const CREATE_AGAIN: i64 = 5;

/// Compares the tracked tables that there are with the mirrored ones.
pub fn compare<'a>(
    connection: &Connection,
    watermark: &Watermark,
    tracked: &'a [Tracked],
    mirrored: &'a [MirrorRecord],
) -> Result<Vec<TableState<'a>>> {
    let mut tables = Vec::new();
    let mut statements = schema::create_statements(connection)?;
    for table in tracked {
        let Some((schema, place)) = statements.remove(&table.name.to_ascii_lowercase()) else {
            continue;
        };
        let definition = schema::read_table(connection, &table.name)?;
        let intact = schema == table.schema
            && table.name == table.old_name
            && table.is_watched(&definition, &table.key);
        let mirror = mirrored.iter().find(|m| m.id == table.id);
        let evolution = mirror.and_then(|m| Evolution::between(&m.columns, &definition.columns));
        let options = match &evolution {
            Some(evolution) => table.options.after(evolution),
            None => table.options.clone(),
        };
        let followed = match mirror {
            Some(mirror) => followed(table, mirror, evolution, &schema, &definition),
            None => Err(TRACKED),
        };
        tables.push(TableState {
            tracked: table,
            schema,
            place,
            definition,
            intact,
            options,
            followed,
        });
    }
    let changes = |f: &Resumable<'_>, t: &TableState<'_>| {
        f.evolution.changes() as i64 + i64::from(f.mirror.name != t.tracked.target())
    };
    let explained: i64 = tables
        .iter()
        .filter_map(|t| t.followed.as_ref().ok().map(|f| changes(f, t)))
        .sum();
    for table in &mut tables {
        let Ok(followed) = &mut table.followed else {
            continue;
        };
        let since = watermark.schema_version - followed.mirror.schema_version;
        let unexplained = since - explained;
        followed.doubtful = unexplained >= DROP_AND_ADD
            && (table.schema != followed.mirror.schema || may_have_been_added(&table.schema));
        let again = unexplained >= CREATE_AGAIN && table.place != followed.mirror.place;
        let renumbered =
            watermark.rowids == RENUMBERED || watermark.rowids != followed.mirror.rowids;
        if matches!(followed.key, Key::Rowid(_)) && renumbered {
            table.followed = Err("VACUUM may have changed its rowids");
        } else if let Some(why) =
            followed.doubt(&table.definition, &table.schema, unexplained, again)
        {
            table.followed = Err(why);
        }
    }
    Ok(tables)
}

/// The evolution that leads from a mirrored table to the tracked one, if its triggers saw all changes of its rows.
fn followed<'a>(
    table: &Tracked,
    mirror: &'a MirrorRecord,
    evolution: Option<Evolution>,
    schema: &str,
    definition: &Table,
) -> std::result::Result<Resumable<'a>, &'static str> {
    // Empty: to be copied again.
    if mirror.schema.is_empty() {
        return Err("asked for");
    }
    let Some(evolution) = evolution else {
        return Err("its columns changed");
    };
    if !table.options.is_plain() && (schema != mirror.schema || table.target() != mirror.name) {
        return Err("its definition changed, and it has options");
    }
    let key = evolution.key(&mirror.key);
    if schema != mirror.schema
        && triggers_install::key_of(table, definition).is_ok_and(|now| now != key)
    {
        return Err("its key changed");
    }
    if !table.is_watched(definition, &key) {
        return Err("its triggers were gone");
    }
    Ok(Resumable {
        mirror,
        evolution,
        key,
        doubtful: false,
    })
}

impl Resumable<'_> {
    /// Returns why the table must be copied, given so many `unexplained` changes of the schema; `None` if it can
    /// continue. `again`: it may have been created again.
    fn doubt(
        &self,
        definition: &Table,
        schema: &str,
        unexplained: i64,
        again: bool,
    ) -> Option<&'static str> {
        let same = schema == self.mirror.schema;
        let renamed = !same && self.mirror.name != definition.name;
        let added = self.evolution.added > 0 && !renamed;
        let generated = self.mirror.columns.iter().any(|c| c.generated);
        if unexplained < 0 || again {
            Some("it may have been created again")
        } else if unexplained > 0 && !same && (!added || (generated && self.doubtful)) {
            Some("its definition changed along with others")
        } else {
            None
        }
    }
}
