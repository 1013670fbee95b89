//! `sqlite3_set_clientdata` for hosts older than 3.44, which have none: rusqlite keeps the closure of a progress handler and of
//! an authorizer by it.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::{Mutex, PoisonError};

use rusqlite::ffi::{self, sqlite3, sqlite3_api_routines};

type Destructor = Option<unsafe extern "C" fn(*mut c_void)>;

/// What a connection was given by a name.
struct Data {
    value: *mut c_void,
    destructor: Destructor,
}

// SAFETY: only its address is kept here. rusqlite asks that what it points to may go to another thread.
unsafe impl Send for Data {}

/// By connection and name. Nobody hears of a connection that closes: what it was given is freed when another one, at the same
/// address, is given something by the name.
static GIVEN: Mutex<BTreeMap<(usize, CString), Data>> = Mutex::new(BTreeMap::new());

/// Puts the stand-ins into the table.
///
/// # Safety
/// `table` is a table that nobody reads yet.
pub unsafe fn stand_in(table: *mut sqlite3_api_routines) {
    // SAFETY: by contract; no reference is made to a table that is not all there.
    unsafe {
        std::ptr::addr_of_mut!((*table).set_clientdata).write(Some(set));
        std::ptr::addr_of_mut!((*table).get_clientdata).write(Some(get));
    }
}

unsafe extern "C" fn set(
    db: *mut sqlite3,
    name: *const c_char,
    value: *mut c_void,
    destructor: Destructor,
) -> c_int {
    // SAFETY: as `sqlite3_set_clientdata` asks, the name ends with NUL.
    let name = unsafe { CStr::from_ptr(name) }.to_owned();
    let key = (db as usize, name);
    let before = {
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if value.is_null() {
            given.remove(&key)
        } else {
            given.insert(key, Data { value, destructor })
        }
    };
    if let Some(Data {
        value,
        destructor: Some(free),
    }) = before
    {
        // SAFETY: it is no longer kept, and the hook that used it is another one now, or its connection is closed.
        unsafe { free(value) };
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn get(db: *mut sqlite3, name: *const c_char) -> *mut c_void {
    // SAFETY: as `sqlite3_get_clientdata` asks, the name ends with NUL.
    let name = unsafe { CStr::from_ptr(name) }.to_owned();
    let given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let data = given.get(&(db as usize, name));
    data.map_or(std::ptr::null_mut(), |data| data.value)
}
