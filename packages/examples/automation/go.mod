module automation

go 1.24

require (
	github.com/lumosdb/lumos/packages/go v0.0.0
	github.com/lumosdb/lumos/packages/go/gorm v0.0.0
	gorm.io/gorm v1.31.2
)

require (
	github.com/jinzhu/inflection v1.0.0 // indirect
	github.com/jinzhu/now v1.1.5 // indirect
	github.com/mattn/go-sqlite3 v1.14.53 // indirect
	golang.org/x/text v0.20.0 // indirect
	gorm.io/driver/sqlite v1.6.0 // indirect
)

replace (
	github.com/lumosdb/lumos/packages/go => ../../go
	github.com/lumosdb/lumos/packages/go/gorm => ../../go/gorm
)
