package duckdb

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	lumos "github.com/lumosdb/lumos/packages/go"
)

// Two DuckDBs in one program: this one, and that inside Lumos for SQLite.
func TestBesideLumosInSQLite(t *testing.T) {
	duck, err := Open("", "")
	if err != nil {
		t.Fatal(err)
	}
	defer duck.Close()
	if _, err := duck.Exec("CREATE TABLE v AS SELECT i::BIGINT AS id, [i, 1]::FLOAT[2] AS e FROM range(100) t(i)"); err != nil {
		t.Fatal(err)
	}
	var id int
	if err := duck.QueryRow("SELECT id FROM query(lumos_search('v(id, e)', '[7.2, 1]', 1))").Scan(&id); err != nil || id != 7 {
		t.Fatal(id, err)
	}

	data, err := os.ReadFile(os.Getenv("LUMOS_CHINOOK"))
	if err != nil {
		t.Fatalf("LUMOS_CHINOOK names the fixture, as packages/test sets it: %v", err)
	}
	path := filepath.Join(t.TempDir(), "chinook.sqlite")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	db, err := lumos.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := lumos.Query[struct{ N int }](context.Background(), db, "SELECT count(*) AS N FROM Invoice")
	if err != nil || rows[0].N != 412 {
		t.Fatal(rows, err)
	}
	if err := duck.QueryRow("SELECT lumos_dims([1, 2, 3])").Scan(&id); err != nil || id != 3 {
		t.Fatal(id, err)
	}
}

func TestSettingsBehindAPath(t *testing.T) {
	for _, path := range []string{"?threads=1", filepath.Join(t.TempDir(), "a.duckdb") + "?threads=1"} {
		duck, err := Open(path, "")
		if err != nil {
			t.Fatal(err)
		}
		var threads, n int
		if err := duck.QueryRow("SELECT current_setting('threads'), lumos_dims([1, 2])").Scan(&threads, &n); err != nil || threads != 1 || n != 2 {
			t.Fatal(path, threads, n, err)
		}
		duck.Close()
	}
}
