// Package duckdb opens DuckDB databases with Lumos through duckdb-go.
package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// Open opens a database, "" for one in memory; settings of DuckDB may follow its path, as "shop.duckdb?threads=2". extension is the path of lumos.duckdb_extension, by default that in the
// folder LUMOSDB_DIR. It errs if there is neither.
func Open(path, extension string) (*sql.DB, error) {
	if extension == "" {
		folder := os.Getenv("LUMOSDB_DIR")
		if folder == "" {
			return nil, errors.New("lumos: no DuckDB extension; give its path, or set LUMOSDB_DIR to its folder")
		}
		extension = filepath.Join(folder, "lumos.duckdb_extension")
	}
	load := "LOAD '" + strings.ReplaceAll(extension, "'", "''") + "'"
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	connector, err := duckdb.NewConnector(path+separator+"allow_unsigned_extensions=true", func(connection driver.ExecerContext) error {
		_, err := connection.ExecContext(context.Background(), load, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}
