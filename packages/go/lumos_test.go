package lumos

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const revenue = "SELECT BillingCountry AS country, sum(Total) AS revenue FROM Invoice GROUP BY ALL ORDER BY revenue DESC LIMIT 2"

type sale struct {
	Country string  `json:"country"`
	Revenue float64 `json:"revenue"`
}

func chinook(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(os.Getenv("LUMOS_CHINOOK"))
	if err != nil {
		t.Fatalf("LUMOS_CHINOOK names the fixture, and LUMOSDB_DIR the built library, as packages/test sets them: %v", err)
	}
	path := filepath.Join(t.TempDir(), "chinook.sqlite")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := Open(dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func TestRowsAsStructsAndMaps(t *testing.T) {
	db, ctx := open(t, chinook(t)), context.Background()
	sales := must(Query[sale](ctx, db, revenue))(t)
	if fmt.Sprint(sales) != "[{USA 523.06} {Canada 303.96}]" {
		t.Fatal(sales)
	}
	named := must(Query[map[string]any](ctx, db, "SELECT $a + 1 AS b", map[string]any{"a": 2}))(t)
	if named[0]["b"] != 3.0 {
		t.Fatal(named)
	}
	genre := must(Auto[struct{ Name string }](ctx, db, "SELECT Name FROM Genre WHERE GenreId = ?", 2))(t)
	if genre[0].Name != "Jazz" {
		t.Fatal(genre)
	}
	exact := must(Query[struct{ N int64 }](ctx, db, "SELECT ? AS N", int64(9007199254740993)))(t)
	if exact[0].N != 9007199254740993 {
		t.Fatal(exact)
	}
	if _, err := Query[sale](ctx, db, "SELECT x FROM Genre"); err == nil || !strings.Contains(err.Error(), `Referenced column "x" not found`) {
		t.Fatal(err)
	}
	var decimal any
	if err := db.QueryRow("SELECT c0 FROM lumos_query('SELECT 1.5::DECIMAL(5, 2)')").Scan(&decimal); err != nil || decimal != 1.5 {
		t.Fatal(decimal, err)
	}
}

func TestVectors(t *testing.T) {
	db := open(t, ":memory:")
	db.SetMaxOpenConns(1) // A database in memory is a connection's own.
	must(db.Exec("CREATE VIRTUAL TABLE v USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[2])"))(t)
	must(db.Exec("INSERT INTO v VALUES (1, ?), (2, ?)", Vector([]float32{0, 1}), Vector([]float32{0, 5})))(t)
	var id int
	if err := db.QueryRow("SELECT id FROM v WHERE e MATCH ? AND k = ?", Vector([]float32{0, 4}), 1.0).Scan(&id); err != nil || id != 2 {
		t.Fatal(id, err)
	}
}

func TestATransactionThatHasWritten(t *testing.T) {
	db, ctx := open(t, chinook(t)), context.Background()
	must(db.Exec("SELECT lumos_track('Genre')"))(t)
	tx := must(db.BeginTx(ctx, nil))(t)
	defer tx.Rollback()
	must(tx.Exec("UPDATE Genre SET Name = 'Loud' WHERE GenreId = 1"))(t)
	if _, err := Query[sale](ctx, tx, "SELECT * FROM Genre"); err == nil || !strings.Contains(err.Error(), "COMMIT or ROLLBACK first, or ask lumos_auto") {
		t.Fatal(err)
	}
	if loud := must(Auto[struct{ Name string }](ctx, tx, "SELECT Name FROM Genre WHERE GenreId = 1"))(t); loud[0].Name != "Loud" {
		t.Fatal(loud)
	}
}

func TestTenConnectionsOfAPool(t *testing.T) {
	db, ctx := open(t, chinook(t)+"?_journal_mode=WAL&_busy_timeout=20000&_txlock=immediate"), context.Background()
	db.SetMaxOpenConns(10)
	must(db.Exec("SELECT lumos_track('Genre')"))(t)
	var wait sync.WaitGroup
	failed := make(chan error, 10)
	for n := range 10 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := range 20 {
				name := fmt.Sprintf("n%d.%d", n, i)
				if _, err := db.Exec("INSERT INTO Genre(Name) VALUES (?)", name); err != nil {
					failed <- err
					return
				}
				rows, err := Query[struct{ C int }](ctx, db, "SELECT count(*) AS C FROM Genre WHERE Name LIKE ?", fmt.Sprintf("n%d.%%", n))
				if err == nil && rows[0].C != i+1 {
					err = fmt.Errorf("%s sees %d", name, rows[0].C)
				}
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	wait.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	var differences int
	if err := db.QueryRow("SELECT count(*) FROM lumos_verify('*')").Scan(&differences); err != nil || differences != 0 {
		t.Fatal(differences, err)
	}
}

func TestADeadlineEndsAQuery(t *testing.T) {
	db := open(t, chinook(t))
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if _, err := Query[map[string]any](ctx, db, "SELECT count(*) FROM range(1000000000000) t(i) WHERE i * i % 7 = 3"); err == nil {
		t.Fatal("it ended by itself")
	}
	if rows := must(Query[sale](context.Background(), db, revenue))(t); len(rows) != 2 {
		t.Fatal(rows)
	}
}

func TestOptions(t *testing.T) {
	path := chinook(t)
	if err := Register("lumos-memory", Options{Mirror: ":memory:", Attach: map[string]any{"threads": 2}}); err != nil {
		t.Fatal(err)
	}
	if err := Register("lumos-memory", Options{}); err == nil {
		t.Fatal("registered twice")
	}
	db := must(sql.Open("lumos-memory", path))(t)
	defer db.Close()
	if rows := must(Query[sale](context.Background(), db, revenue))(t); len(rows) != 2 {
		t.Fatal(rows)
	}
	if _, err := os.Stat(path + "-lumos.duckdb"); err == nil {
		t.Fatal("the mirror is in a file")
	}
}

func TestBytesAreNoParameter(t *testing.T) {
	db, ctx := open(t, chinook(t)), context.Background()
	for _, wrong := range []any{[]byte("x"), json.RawMessage(nil), []any{1, []byte("x")}, map[string]any{"a": []byte("x")}} {
		_, err := Query[map[string]any](ctx, db, "SELECT ?", wrong)
		if _, raw := wrong.(json.RawMessage); !raw && (err == nil || !strings.Contains(err.Error(), "a parameter is []uint8, which JSON has no form for")) {
			t.Fatal(wrong, err)
		}
	}
	if _, err := Query[map[string]any](ctx, db, "SELECT ?", math.NaN()); err == nil || !strings.Contains(err.Error(), "lumos: the parameters") {
		t.Fatal(err)
	}
	var missing *int
	rows := must(Query[struct{ A, B, C any }](ctx, db, "SELECT ? AS A, ?::INTEGER[] AS B, ? AS C", missing, []int{1, 2}, nil))(t)
	if fmt.Sprint(rows) != "[{<nil> [1 2] <nil>}]" {
		t.Fatal(rows)
	}
}

func TestManyOpenAtOnce(t *testing.T) {
	path := chinook(t)
	var wait sync.WaitGroup
	for n := range 20 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if db, err := Open(path); err != nil {
				t.Error(err)
			} else {
				db.Close()
			}
			if err := Register(fmt.Sprintf("lumos-%d", n%2), Options{}); err != nil && !strings.Contains(err.Error(), "is registered already") {
				t.Error(err)
			}
		}()
	}
	wait.Wait()
}

func TestFilesThatCannotBeOpened(t *testing.T) {
	ctx := context.Background()
	if _, err := Query[sale](ctx, open(t, filepath.Join(t.TempDir(), "no", "x.db")), revenue); err == nil || !strings.Contains(err.Error(), "unable to open database file") {
		t.Fatal(err)
	}
	if err := Register("lumos-nowhere", Options{Path: "/nowhere/lumos.so"}); err == nil || !strings.Contains(err.Error(), "/nowhere/lumos.so") {
		t.Fatal(err)
	}
}

func TestTheLibraryIsMissing(t *testing.T) {
	t.Setenv("LUMOSDB_DIR", t.TempDir())
	if err := Register("lumos-missing", Options{}); err == nil || !strings.Contains(err.Error(), "LUMOSDB_DIR") {
		t.Fatal(err)
	}
	t.Setenv("LUMOSDB_DIR", "")
	if err := Register("lumos-missing", Options{}); err == nil || !strings.Contains(err.Error(), "import the module lib/") {
		t.Fatal(err)
	}
}

func TestNoPlaceForTheLibrary(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	writer.Write([]byte("a library"))
	writer.Close()
	before := embedded.gzipped
	Embed("test", packed.Bytes())
	defer Embed("", before)
	t.Setenv("LUMOSDB_DIR", "")
	for _, cache := range []string{file, ""} {
		t.Setenv("XDG_CACHE_HOME", cache)
		t.Setenv("HOME", "")
		if _, err := LibraryPath(); err == nil || !strings.Contains(err.Error(), "set LUMOSDB_DIR to a folder with lumos") {
			t.Fatal(cache, err)
		}
	}
	Embed("test", packed.Bytes()[:12]) // Cut off: nothing is left behind.
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	if _, err := LibraryPath(); err == nil {
		t.Fatal("half a library")
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "lumosdb", "test", "*")); len(left) != 0 {
		t.Fatal(left)
	}
	Embed("test", packed.Bytes())
	if path := must(LibraryPath())(t); filepath.Dir(filepath.Dir(path)) != filepath.Join(cache, "lumosdb") {
		t.Fatal(path)
	}
}
