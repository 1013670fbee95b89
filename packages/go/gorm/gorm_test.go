package gorm

import (
	"path/filepath"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

type Line struct {
	ID      uint
	OrderID uint
	Amount  float64
}

type Order struct {
	gorm.Model
	Country string
	Lines   []Line
}

type OrderWithNote struct {
	Order
	Note string `gorm:"default:none"`
}

func (OrderWithNote) TableName() string { return "orders" }

func TestMigrationsAndQueries(t *testing.T) {
	dialector, err := Open(filepath.Join(t.TempDir(), "shop.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Default.LogMode(logger.Error)})
	if err != nil {
		t.Fatal(err)
	}
	run := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	run("migrate", db.AutoMigrate(&Order{}, &Line{}))
	run("track", db.Exec("SELECT lumos_track('*')").Error)
	orders := []Order{{Country: "USA", Lines: []Line{{Amount: 5}, {Amount: 7}}}, {Country: "Canada", Lines: []Line{{Amount: 3}}}, {Country: "Peru"}}
	run("create", db.Create(&orders).Error)
	run("soft delete", db.Delete(&orders[2]).Error)

	type sum struct {
		Country string  `gorm:"column:c0"`
		Amount  float64 `gorm:"column:c1"`
	}
	var sums []sum
	ask := "SELECT c0, c1 FROM lumos_query('SELECT o.country, sum(l.amount) FROM orders o JOIN lines l ON l.order_id = o.id WHERE o.deleted_at IS NULL GROUP BY ALL ORDER BY 2 DESC')"
	run("query", db.Raw(ask).Scan(&sums).Error)
	if len(sums) != 2 || sums[0] != (sum{"USA", 12}) {
		t.Fatal(sums)
	}

	// A column more, then a table that is made anew.
	run("migrate", db.AutoMigrate(&OrderWithNote{}))
	run("alter", db.Migrator().AlterColumn(&OrderWithNote{}, "Note"))
	run("create", db.Create(&Order{Country: "USA", Lines: []Line{{Amount: 1}}}).Error)
	sums = nil
	run("query", db.Raw(ask).Scan(&sums).Error)
	if len(sums) != 2 || sums[0] != (sum{"USA", 13}) {
		t.Fatal(sums)
	}
	var differences int64
	run("verify", db.Raw("SELECT count(*) FROM lumos_verify('*')").Scan(&differences).Error)
	if differences != 0 {
		t.Fatal(differences)
	}
}
