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
	"slices"
	"strings"

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

// Register makes a driver of database/sql that has Lumos in every connection. It errs if the library is not found, or if
// the name is taken.
func Register(name string, options Options) error {
	if slices.Contains(sql.Drivers(), name) {
		return fmt.Errorf("lumos: a driver %q is registered already", name)
	}
	path := options.Path
	if path == "" {
		var err error
		if path, err = LibraryPath(); err != nil {
			return err
		}
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
	if !slices.Contains(sql.Drivers(), "lumos") {
		if err := Register("lumos", Options{}); err != nil {
			return nil, err
		}
	}
	return sql.Open("lumos", dsn)
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

// Vector is the BLOB of a vector.
func Vector(numbers []float32) []byte {
	blob := make([]byte, 0, 4*len(numbers))
	for _, number := range numbers {
		blob = binary.LittleEndian.AppendUint32(blob, math.Float32bits(number))
	}
	return blob
}
