// Package gorm opens SQLite databases with Lumos in GORM.
package gorm

import (
	lumos "github.com/lumosdb/lumos/packages/go"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
)

// Open is the dialector of a database with Lumos, for gorm.Open. Rows of lumos_query come by Raw(...).Scan(&rows) from
// the columns c0, c1, ..., or by lumos.Query. GORM's transactions are SQLite's: ask lumos_auto inside them once they have
// written. It errs if the library is not found.
func Open(dsn string) (gorm.Dialector, error) {
	name, err := lumos.Driver()
	if err != nil {
		return nil, err
	}
	return sqlite.Dialector{DriverName: name, DSN: dsn}, nil
}
