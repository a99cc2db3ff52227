// Follows the roster's changes of a district in PostgreSQL. Run: DATABASE_URL=… go run sql.go DISTRICT
package main

import (
	"database/sql"
	"fmt"
	_ "github.com/lib/pq"
	"log"
	"os"
)

const read = `SELECT seq, op, kind, id FROM clever.changes WHERE district_id = $1 AND seq > coalesce(
	(SELECT seq FROM clever.consumers WHERE district_id = $1 AND consumer = 'app'), 0) ORDER BY seq`
const keep = `INSERT INTO clever.consumers (district_id, consumer, seq, at) VALUES ($1, 'app', $2, now()::text)
	ON CONFLICT (district_id, consumer) DO UPDATE SET seq = excluded.seq, at = excluded.at`

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	tx := must(must(sql.Open("postgres", os.Getenv("DATABASE_URL"))).Begin())
	rows := must(tx.Query(read, os.Args[1]))
	var seq int64
	for rows.Next() {
		var op, kind, id string
		must(0, rows.Scan(&seq, &op, &kind, &id))
		// Here the app writes its own rows, in the transaction that also keeps how far it came: each change counts once.
		fmt.Println(op, kind, id)
	}
	if must(0, rows.Err()); seq > 0 {
		must(tx.Exec(keep, os.Args[1], seq))
	}
	must(0, tx.Commit())
}
