// Package lumos brings Lumos into database/sql through mattn/go-sqlite3: analytics, vectors and an agent's memory in one
// SQLite file.
//
// It needs cgo. SQLite drivers without it (ncruces/go-sqlite3, modernc.org/sqlite) load no extensions.
package lumos

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/mattn/go-sqlite3"
)

// Options of the connections of a driver. The zero value loads Lumos; the first query then attaches
// <database>-lumos.duckdb, which one process has at a time.
type Options struct {
	// Path of the SQLite extension; by default LUMOSDB_DIR/lumos.so, or that of an imported module lib/<os>-<arch>.
	Path string
	// Mirror is a file for the mirror, or ":memory:" for one of each connection's own.
	Mirror string
	// Shared has processes that all say so take turns with one mirror.
	Shared bool
	// Attach has further options of lumos_attach, like {"memory_limit": "500MB"}.
	Attach map[string]any
}

// Drivers are looked for and added by several goroutines at once; database/sql panics on a name that is taken.
var registering sync.Mutex

// Register makes a driver of database/sql that has Lumos in every connection. It errs if the library is not found, or if
// the name is taken.
func Register(name string, options Options) error {
	registering.Lock()
	defer registering.Unlock()
	return register(name, options)
}

func register(name string, options Options) error {
	if slices.Contains(sql.Drivers(), name) {
		return fmt.Errorf("lumos: a driver %q is registered already", name)
	}
	path := options.Path
	if path == "" {
		var err error
		if path, err = LibraryPath(); err != nil {
			return err
		}
	} else if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("lumos: Options.Path: %w", err)
	}
	attach, err := attachArguments(options)
	if err != nil {
		return err
	}
	sql.Register(name, &sqlite3.SQLiteDriver{ConnectHook: func(connection *sqlite3.SQLiteConn) error {
		// An empty name would not be looked up by the file's, as NULL is.
		if err := connection.LoadExtension(path, "sqlite3_lumos_init"); err != nil {
			return err
		}
		if attach == "" {
			return nil
		}
		_, err := connection.Exec(attach, nil)
		return err
	}})
	return nil
}

// The statement that attaches; "" to leave it to the first query.
func attachArguments(options Options) (string, error) {
	given := map[string]any{}
	for name, value := range options.Attach {
		given[name] = value
	}
	if options.Shared {
		given["shared"] = true
	}
	if options.Mirror == "" && len(given) == 0 {
		return "", nil
	}
	encoded, err := json.Marshal(given)
	if err != nil {
		return "", fmt.Errorf("lumos: the options of lumos_attach: %w", err)
	}
	mirror := "NULL"
	if options.Mirror != "" {
		mirror = quote(options.Mirror)
	}
	return fmt.Sprintf("SELECT lumos_attach(%s, %s)", mirror, quote(string(encoded))), nil
}

func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// Open opens a database, whose name is one of mattn/go-sqlite3's, like "shop.sqlite?_journal_mode=WAL". Each call with
// other options needs a driver of its own: Register it, and use sql.Open.
func Open(dsn string) (*sql.DB, error) {
	name, err := Driver()
	if err != nil {
		return nil, err
	}
	return sql.Open(name, dsn)
}

// Driver is the name of the driver that Open uses, for what takes one of database/sql. It errs if the library is not
// found.
func Driver() (string, error) {
	const name = "lumos"
	registering.Lock()
	defer registering.Unlock()
	if slices.Contains(sql.Drivers(), name) {
		return name, nil
	}
	return name, register(name, Options{})
}

// Querier is a *sql.DB, *sql.Conn or *sql.Tx.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Query gives the rows of one SELECT in DuckDB's SQL, each read by encoding/json from an object by column names: T is a
// struct with json tags, or map[string]any. params fill ? and $1; one map[string]any fills $name. In a transaction that
// has written it is an error: commit first, or use Auto.
func Query[T any](ctx context.Context, db Querier, query string, params ...any) ([]T, error) {
	return rows[T](ctx, db, "lumos_query", query, params)
}

// Auto gives the rows of one SELECT in SQLite's SQL, from SQLite or from the mirror, whichever is faster.
func Auto[T any](ctx context.Context, db Querier, query string, params ...any) ([]T, error) {
	return rows[T](ctx, db, "lumos_auto", query, params)
}

func rows[T any](ctx context.Context, db Querier, function, query string, params []any) (found []T, err error) {
	var given any // NULL without parameters.
	if len(params) > 0 {
		var named any = params
		if only, ok := params[0].(map[string]any); ok && len(params) == 1 {
			named = only
		}
		for _, param := range params {
			if bytes := bytesIn(reflect.ValueOf(param)); bytes != nil {
				return nil, fmt.Errorf("lumos: a parameter is %v, which JSON has no form for; give a number, a text, a time, or a slice or map of them", bytes)
			}
		}
		encoded, err := json.Marshal(named)
		if err != nil {
			return nil, fmt.Errorf("lumos: the parameters: %w", err)
		}
		given = string(encoded)
	}
	read, err := db.QueryContext(ctx, "SELECT row FROM "+function+"(?, ?)", query, given)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, read.Close()) }()
	for read.Next() {
		var text []byte
		if err := read.Scan(&text); err != nil {
			return nil, err
		}
		var row T
		if err := json.Unmarshal(text, &row); err != nil {
			return nil, fmt.Errorf("lumos: a row is %s: %w", text, err)
		}
		found = append(found, row)
	}
	return found, read.Err()
}

// The type of bytes in a value, which encoding/json writes as base64: DuckDB would take them for that text.
func bytesIn(value reflect.Value) reflect.Type {
	switch value.Kind() {
	case reflect.Interface, reflect.Pointer:
		return bytesIn(value.Elem())
	case reflect.Slice, reflect.Array:
		if _, own := value.Interface().(json.Marshaler); own {
			return nil
		}
		if value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.Uint8 {
			return value.Type()
		}
		for i := range value.Len() {
			if bytes := bytesIn(value.Index(i)); bytes != nil {
				return bytes
			}
		}
	case reflect.Map:
		for each := value.MapRange(); each.Next(); {
			if bytes := bytesIn(each.Value()); bytes != nil {
				return bytes
			}
		}
	}
	return nil
}

// Vector is the BLOB of a vector.
func Vector(numbers []float32) []byte {
	blob := make([]byte, 0, 4*len(numbers))
	for _, number := range numbers {
		blob = binary.LittleEndian.AppendUint32(blob, math.Float32bits(number))
	}
	return blob
}
