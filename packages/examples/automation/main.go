// Rules over changes, each applied exactly once: `go run . stock.sqlite`.
//
// A shop's stock changes; whenever a product falls below its least stock, there is one task to order it, however often
// the worker is killed, and at whatever step. The position in the changes and the tasks are in the same file, and are
// written in one transaction.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	lumos "github.com/lumosdb/lumos/packages/go"
	lumosgorm "github.com/lumosdb/lumos/packages/go/gorm"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

type Product struct {
	ID    uint
	Name  string
	Stock int
	Least int
}

// Task is to order a product. A second one for the same fall cannot be written.
type Task struct {
	ID        uint
	ProductID uint  `gorm:"uniqueIndex:once"`
	Seq       int64 `gorm:"uniqueIndex:once"`
	Text      string
}

// Position is the last change that the rules have seen.
type Position struct {
	ID  uint
	Seq int64
}

func open(path string) (*gorm.DB, error) {
	dialector, err := lumosgorm.Open(path + "?_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Default.LogMode(logger.Error)})
	if err != nil {
		return nil, err
	}
	if err := db.AutoMigrate(&Product{}, &Task{}, &Position{}); err != nil {
		return nil, err
	}
	return db, db.Exec("SELECT lumos_track('products')").Error
}

// step applies the rules to what changed since the last time, and returns the number of changes.
func step(db *gorm.DB) (int, error) {
	seen := 0
	err := db.Transaction(func(tx *gorm.DB) error {
		at := Position{ID: 1}
		if err := tx.FirstOrInit(&at, Position{ID: 1}).Error; err != nil {
			return err
		}
		crash("begun")
		// The last change of each product; its row is read as it is now.
		var changes []struct {
			Seq int64
			ID  uint
		}
		err := tx.Raw("SELECT max(seq) AS seq, key ->> 'id' AS id FROM lumos_changes(?, 'products') GROUP BY 2 ORDER BY 1", at.Seq).Scan(&changes).Error
		if err != nil {
			return err
		}
		for _, change := range changes {
			var product Product
			err := tx.First(&product, change.ID).Error
			if errors.Is(err, gorm.ErrRecordNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if err := apply(tx, product, change.Seq); err != nil {
				return err
			}
			crash("rule")
			at.Seq = change.Seq
		}
		seen = len(changes)
		if seen == 0 {
			return nil
		}
		defer crash("written")
		return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&at).Error
	})
	crash("committed")
	return seen, err
}

// apply is the rule: below the least stock there is one open task.
func apply(tx *gorm.DB, product Product, seq int64) error {
	var open int64
	if err := tx.Model(&Task{}).Where("product_id = ?", product.ID).Count(&open).Error; err != nil {
		return err
	}
	if product.Stock >= product.Least || open > 0 {
		return nil
	}
	return tx.Create(&Task{ProductID: product.ID, Seq: seq, Text: fmt.Sprintf("order %d of %s", product.Least-product.Stock, product.Name)}).Error
}

// crash ends the process as a kill does, where the test asks for it: CRASH=rule.
func crash(step string) {
	if os.Getenv("CRASH") == step {
		os.Exit(137)
	}
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: automation FILE [once]")
	}
	db, err := open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for once := len(os.Args) > 2; ; {
		seen, err := step(db)
		if err != nil {
			log.Fatal(err)
		}
		if once && seen == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	// What there is to do, by the mirror.
	pool, err := db.DB()
	if err != nil {
		log.Fatal(err)
	}
	tasks, err := lumos.Query[Task](ctx, pool, "SELECT t.id AS ID, t.product_id AS ProductID, t.text AS Text FROM tasks t JOIN products p ON p.id = t.product_id ORDER BY p.name")
	if err != nil {
		log.Fatal(err)
	}
	for _, task := range tasks {
		fmt.Println(task.Text)
	}
}
